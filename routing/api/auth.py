"""Who asks: an API token in `Authorization: Bearer`, and nothing else.

No session counts here, so no other site can make a browser do anything by this door.
"""

from django.http import HttpRequest
from ninja.security.base import AuthBase

from routing.accounts.second_factor import lacks_second_factor
from routing.accounts.transport import client_share
from routing.api.errors import CodedHttpError
from routing.api.failures import count_failure, count_success, is_held_up
from routing.models import ApiToken
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound
from routing.services.people.api_tokens import actor_of_token


class TooManyFailures(CodedHttpError):
    """An address keeps coming with tokens that are none."""

    def __init__(self) -> None:
        super().__init__(429, "too many requests with a wrong API token; wait a minute", Code.TOO_MANY_REQUESTS)


class BearerTokenAuth(AuthBase):
    """Not django-ninja's own bearer class: in debug mode that logs the header."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self) -> None:
        super().__init__()
        # As it is called in the OpenAPI document.
        self.openapi_description = "An API token, made under “API tokens” of your account"

    def __call__(self, request: HttpRequest) -> ApiToken:
        """The token; who it acts as is kept with the request. Raises CodedHttpError."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise CodedHttpError(401, "this takes an API token, as “Authorization: Bearer TOKEN”", Code.TOKEN_REQUIRED)
        secret, address = secret.strip(), client_share(request)
        if is_held_up(address, secret):
            raise TooManyFailures
        try:
            actor, token = actor_of_token(secret)
        except NotFound as refusal:
            if count_failure(address, secret):
                raise TooManyFailures from refusal
            raise CodedHttpError(401, refusal.message, Code.TOKEN_INVALID) from refusal
        count_success(address)
        if lacks_second_factor(actor.user):
            raise CodedHttpError(
                403,
                "your role needs two-factor authentication; set it up in your account first",
                Code.SECOND_FACTOR_REQUIRED,
            )
        request.actor = actor  # type: ignore[attr-defined]
        return token


def actor_of(request: HttpRequest) -> Actor:
    """Who asks, as the verbs know them."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def token_of(request: HttpRequest) -> ApiToken:
    """The token that they came with."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    return token

"""Who asks: an API token in `Authorization: Bearer`, and nothing else.

No session counts here, so no other site can make a browser do anything by this door.
"""

from django.core.cache import cache
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError, HttpError
from ninja.security.base import AuthBase

from routing.accounts.second_factor import lacks_second_factor
from routing.accounts.transport import client_address
from routing.models import ApiToken
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.people.api_tokens import actor_of_token

# So many wrong tokens from one address in so many seconds. Right ones are never held up.
FAILURES, FAILURE_SECONDS = 30, 60


class TooManyFailures(HttpError):
    """An address keeps coming with tokens that are none."""

    def __init__(self) -> None:
        super().__init__(429, "too many requests with a wrong API token; wait a minute")


class BearerTokenAuth(AuthBase):
    """Not django-ninja's own bearer class: in debug mode that logs the header."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self) -> None:
        super().__init__()
        # As it is called in the OpenAPI document.
        self.openapi_description = "An API token, made under “API tokens” of your account"

    def __call__(self, request: HttpRequest) -> ApiToken:
        """The token; who it acts as is kept with the request. Raises AuthenticationError, AuthorizationError."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise AuthenticationError(message="this takes an API token, as “Authorization: Bearer TOKEN”")
        try:
            actor, token = actor_of_token(secret.strip())
        except NotFound as refusal:
            _count_failure(client_address(request))
            raise AuthenticationError(message=refusal.message) from refusal
        if lacks_second_factor(actor.user):
            raise AuthorizationError(
                message="your role needs two-factor authentication; set it up in your account first"
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


def _count_failure(address: str) -> None:
    key = f"api-token-failures:{address}"
    if cache.add(key, 1, FAILURE_SECONDS):
        return
    try:
        if cache.incr(key) > FAILURES:
            raise TooManyFailures
    except ValueError:
        pass  # Its time was over between the two.

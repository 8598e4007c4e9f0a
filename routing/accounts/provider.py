"""Sign-in by the deployment's OpenID Connect provider, and what its claims give.

django-allauth speaks the protocol (authorization code with PKCE and state). Here stands what it leaves open: the
signature of every ID token is checked, and for whom, by whom and for which sign-in it was made; the discovered issuer
must be the configured one; and the browser leaves for the provider by a page of ours.
"""

import hashlib
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jwt
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirectBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from routing.accounts.claims import roles_given_by, taken_from, verify_id_token
from routing.accounts.provider_http import ProviderError
from routing.services.people.provider_grants import ProviderRole

logger = logging.getLogger(__name__)
#: A sign-in of somebody who is signed in, to show that they still are there.
REAUTHENTICATE = "reauthenticate"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# What an answer of another form than the specifications' raises where it is read.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, UnsupportedAlgorithm, ValueError)
_LONGEST_TOKEN_SECONDS = 10 * 366 * 86_400


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # django-allauth has no types
    """The protocol, with the checks that OpenID Connect Core leaves to the client."""

    #: What was kept when the browser left for the provider; set when it is back.
    state: dict[str, Any] = {}  # Replaced, never changed.

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's metadata. Raises OAuth2Error for unusable ones, or another issuer's (Discovery §4.3)."""
        try:
            config: dict[str, Any] = super().openid_config
        except OSError as error:  # requests' own exceptions are OSErrors
            raise ProviderError(f"the provider's metadata can't be read: {type(error).__name__}") from error
        if _without_slash(config.get("issuer")) != _without_slash(settings.FACADE_OIDC_ISSUER):
            raise ProviderError("the provider's metadata name another issuer than FACADE_OIDC_ISSUER")
        for name in (*_ENDPOINTS, *(["userinfo_endpoint"] if config.get("userinfo_endpoint") is not None else [])):
            if not _is_address(config.get(name)):
                raise ProviderError(f"the provider's metadata have no address as {name}")
        if not isinstance(config.get("token_endpoint_auth_methods_supported", []), list):
            raise ProviderError("the provider's metadata have no list as token_endpoint_auth_methods_supported")
        return config

    def get_access_token_data(self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: Any = None) -> Any:
        """The tokens. Raises OAuth2Error, without the answer that django-allauth would put into it."""
        try:
            return super().get_access_token_data(request, app, client, pkce_code_verifier=pkce_code_verifier)
        except ProviderError:
            raise
        except (OAuth2Error, *_MALFORMED) as error:
            raise ProviderError("the provider's answer has no access token") from error

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        """The access token, which is used once and not kept. Raises ProviderError where it is none (RFC 6749 §5.1)."""
        token, seconds = data.get("access_token"), data.get("expires_in", 0)
        if not isinstance(token, str) or not token:
            raise ProviderError("the provider's access token is no text")
        try:
            # Some providers send it as text.
            whole = -1 if isinstance(seconds, bool) else int(0 if seconds is None else seconds)
        except _MALFORMED:
            whole = -1
        if not 0 <= whole <= _LONGEST_TOKEN_SECONDS:
            raise ProviderError("the provider's expires_in is no number of seconds")
        return SocialToken(token=token)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """What the provider says of the person. Raises OAuth2Error, jwt.PyJWTError for what can't be believed."""
        try:
            said = self._said(app, token, kwargs["response"])
        except _MALFORMED as error:
            raise ProviderError(f"the provider's answer is malformed: {type(error).__name__}") from error
        login = self.get_provider().sociallogin_from_response(request, said)
        _adopt(login.account)
        return login

    def _said(self, app: Any, token: Any, answer: dict[str, Any]) -> dict[str, Any]:
        config = self.openid_config
        with get_adapter().get_requests_session() as session:
            keys = session.get(config["jwks_uri"]).json()
        claims = verify_id_token(
            answer.get("id_token"),
            keys,
            issuer=config["issuer"],
            client_id=app.client_id,
            nonce=self.state.get("nonce"),
        )
        said = {"id_token": taken_from(claims)}
        if config.get("userinfo_endpoint") is not None:
            said["userinfo"] = taken_from(self._fetch_user_info(token.token))
            if said["userinfo"]["sub"] != said["id_token"]["sub"]:
                # Core §5.3.2: such user info MUST NOT be used; it may be somebody else's.
                raise ProviderError("the provider's user info is of somebody else than its ID token")
        return said


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # django-allauth has no types
    """The provider, whose address is checked at every step."""

    oauth2_adapter_class = VerifyingAdapter

    @property
    def sub_id(self) -> str:
        """By what accounts are kept apart: a subject means something only together with its issuer (Core §2)."""
        return account_key(super().sub_id, settings.FACADE_OIDC_ISSUER)

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **more: Any) -> HttpResponse:
        """Send the browser to the provider, and keep when, and what its ID token has to repeat (Core §3.1.2.1)."""
        nonce = secrets.token_urlsafe(32)
        asked = self.get_auth_params() | {"nonce": nonce}
        if process == REAUTHENTICATE:
            asked |= {"prompt": "login", "max_age": "0"}
        response: HttpResponse = super().redirect(
            request, process, next_url, begun_at=time.time(), nonce=nonce, **(more | {"auth_params": asked})
        )
        return response

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """What the address may say: where to go on to, and whether to connect an account. Nothing for the provider."""
        asked: dict[str, Any] = super().get_redirect_from_request_kwargs(request)
        process = AuthProcess.CONNECT if asked["process"] == AuthProcess.CONNECT else AuthProcess.LOGIN
        return asked | {"process": process, "scope": self.get_scope()}


class CallbackView(OAuth2CallbackView):  # type: ignore[misc]  # django-allauth has no types
    """The way back, which tells the adapter what was kept on the way there."""

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, answer = super()._get_state(request, provider)
        self.adapter.state = state or {}
        return state, answer


class _ReauthenticateView(OAuth2LoginView):  # type: ignore[misc]  # django-allauth has no types
    """The way to the provider of somebody who is signed in."""

    def dispatch(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        next_url = get_next_redirect_url(request)
        response: HttpResponse = self.get_provider().redirect(request, REAUTHENTICATE, next_url)
        return response


def login(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Send the browser to the provider.

    By a page that goes on by itself rather than by a redirect: the policy lets forms lead to this site only, and
    browsers apply that to the redirects that answer a form, too. Where a provider goes on to is not known beforehand.
    """
    return _leaving(request, _guarded(OAuth2LoginView, request, provider_id))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: HttpRequest) -> HttpResponseBase:
    """Let somebody without a password show by the provider that they are there."""
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"].get("APPS", [])
    next_url = get_next_redirect_url(request) or ""
    if request.method != "POST" or not apps:
        return render(request, "socialaccount/reauthenticate.html", {"next": next_url, "has_provider": bool(apps)})
    return _leaving(request, _guarded(_ReauthenticateView, request, apps[0]["provider_id"]))


def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take the person back from the provider."""
    return _guarded(CallbackView, request, provider_id)


def granted_roles(sociallogin: Any) -> list[ProviderRole]:
    """The roles that a sign-in's claims give."""
    return roles_given_by(sociallogin.account.extra_data)


def begun_at(sociallogin: Any) -> datetime:
    """When the browser was sent to the provider: no claim of this sign-in is older."""
    return datetime.fromtimestamp(sociallogin.state.get("begun_at", 0), UTC)


def account_key(provider_id: str, issuer: str) -> str:
    """What an account of that issuer is kept under; `provider_id` is its name in addresses. 36 characters or so."""
    return f"{provider_id}:{hashlib.sha256(_without_slash(issuer).encode()).hexdigest()[:32]}"


def _adopt(account: SocialAccount) -> None:
    """Put the issuer to an account of the release before, which knew of one alone and kept what its ID token said."""
    former = SocialAccount.objects.filter(provider=account.provider.partition(":")[0], uid=account.uid).first()
    if former is None or SocialAccount.objects.filter(provider=account.provider, uid=account.uid).exists():
        return
    issuer = former.extra_data.get("id_token", {}).get("iss")
    if _without_slash(issuer) == _without_slash(settings.FACADE_OIDC_ISSUER):
        SocialAccount.objects.filter(pk=former.pk).update(provider=account.provider)


def _leaving(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The page that goes on to the provider, in place of a redirect."""
    if isinstance(response, HttpResponseRedirectBase) and "://" in response.url:
        return render(request, "socialaccount/leaving.html", {"url": response.url})
    return response


def _without_slash(issuer: object) -> str:
    return issuer.rstrip("/") if isinstance(issuer, str) else ""


def _is_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc)


def _guarded(view: type[Any], request: HttpRequest, provider_id: str) -> HttpResponseBase:
    if ":" in provider_id:
        # Of accounts, not of addresses: `account_key`.
        raise Http404
    adapter = VerifyingAdapter(request, provider_id)
    try:
        provider = adapter.get_provider()
    except SocialApp.DoesNotExist:
        raise Http404 from None
    try:
        response: HttpResponseBase = view.adapter_view(adapter)(request)
    except ImmediateHttpResponse as answer:
        return answer.response  # type: ignore[no-any-return]
    except (OAuth2Error, OSError, jwt.PyJWTError) as error:
        # Whatever the provider sends, or fails to send, is no fault of ours to answer with a 500.
        failed: HttpResponse = render_authentication_error(request, provider, exception=error)
        return failed
    return response

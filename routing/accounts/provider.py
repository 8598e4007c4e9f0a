"""Sign-in by the deployment's OpenID Connect provider, and what its claims give.

django-allauth speaks the protocol (authorization code with PKCE and state). Here stands what it leaves open: the
signature of every ID token is checked, the discovered issuer must be the configured one, and the browser leaves for the
provider by a page of ours.
"""

import time
from datetime import UTC, datetime
from typing import Any

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirectBase
from django.shortcuts import render

from routing.services.people.provider_grants import ProviderRole, parse_provider_roles

# Asymmetric ones only: with HS256 the client secret would be the key, and "none" is no signature at all.
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # django-allauth has no types
    """The protocol, with the checks that OpenID Connect Core leaves to the client."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's metadata. Raises OAuth2Error where it names another issuer (Discovery §4.3)."""
        try:
            config: dict[str, Any] = super().openid_config
        except (OSError, ValueError) as error:  # requests' own exceptions are OSErrors
            raise OAuth2Error(f"the provider's metadata can't be read: {error}") from error
        if str(config.get("issuer", "")).rstrip("/") != settings.FACADE_OIDC_ISSUER.rstrip("/"):
            raise OAuth2Error("the provider's metadata names another issuer than FACADE_OIDC_ISSUER")
        return config

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """What the provider says of the person. Raises OAuth2Error: no ID token, or user info of somebody else."""
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("the provider sent no ID token")
        login = super().complete_login(request, app, token, **kwargs)
        said = login.account.extra_data
        if "userinfo" in said and said["userinfo"].get("sub") != said["id_token"]["sub"]:
            # Core §5.3.2: such user info MUST NOT be used; it may be somebody else's.
            raise OAuth2Error("the provider's user info is of somebody else than its ID token")
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        # Not skipped, as it may be where TLS protects the way (Core §3.1.3.7): the issuer may be http:// in a test.
        if jwt.get_unverified_header(id_token).get("alg") not in _ALGORITHMS:
            raise OAuth2Error("the ID token is signed in a way that isn't accepted")
        data: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return data


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # django-allauth has no types
    """The provider, whose address is checked at every step."""

    oauth2_adapter_class = VerifyingAdapter

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **more: Any) -> HttpResponse:
        """Send the browser to the provider, and keep when."""
        response: HttpResponse = super().redirect(request, process, next_url, begun_at=time.time(), **more)
        return response


def login(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Send the browser to the provider.

    By a page that goes on by itself rather than by a redirect: the policy lets forms lead to this site only, and
    browsers apply that to the redirects that answer a form, too. Where a provider goes on to is not known beforehand.
    """
    response = _guarded(OAuth2LoginView, request, provider_id)
    if isinstance(response, HttpResponseRedirectBase) and "://" in response.url:
        return render(request, "socialaccount/leaving.html", {"url": response.url})
    return response


def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take the person back from the provider."""
    return _guarded(OAuth2CallbackView, request, provider_id)


def granted_roles(sociallogin: Any) -> list[ProviderRole]:
    """The roles that a sign-in's claims give, by FACADE_OIDC_CLAIM and FACADE_OIDC_ROLES."""
    table = parse_provider_roles(settings.FACADE_OIDC_ROLES)
    said = sociallogin.account.extra_data
    values = _claim(said.get("userinfo", {})) or _claim(said.get("id_token", {}))
    return [role for value in values for role in table.get(value, [])]


def begun_at(sociallogin: Any) -> datetime:
    """When the browser was sent to the provider: no claim of this sign-in is older."""
    return datetime.fromtimestamp(sociallogin.state.get("begun_at", 0), UTC)


def _claim(data: dict[str, Any]) -> list[str]:
    """The claim's values; its name may be a path through objects, such as Keycloak's `realm_access.roles`."""
    found: Any = data.get(settings.FACADE_OIDC_CLAIM)
    if found is None:
        found = data
        for name in settings.FACADE_OIDC_CLAIM.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return [found]
    return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []


def _guarded(view: type[Any], request: HttpRequest, provider_id: str) -> HttpResponseBase:
    adapter = VerifyingAdapter(request, provider_id)
    try:
        provider = adapter.get_provider()
    except SocialApp.DoesNotExist:
        raise Http404 from None
    try:
        response: HttpResponseBase = view.adapter_view(adapter)(request)
    except ImmediateHttpResponse as answer:
        return answer.response  # type: ignore[no-any-return]
    except (OAuth2Error, OSError, jwt.PyJWTError, KeyError, TypeError) as error:
        # Whatever the provider sends, or fails to send, is no fault of ours to answer with a 500.
        failed: HttpResponse = render_authentication_error(request, provider, exception=error)
        return failed
    return response

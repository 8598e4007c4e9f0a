"""What an identity provider says of a person: which ID tokens count, which claims are taken, which roles they give.

OpenID Connect Core 1.0; the numbers below are its sections.
"""

from collections.abc import Mapping
from typing import Any

import jwt
from allauth.socialaccount import app_settings
from django.conf import settings
from django.utils.crypto import constant_time_compare

from routing.accounts.provider_http import ProviderError
from routing.services.people.provider_grants import ProviderRole, parse_provider_roles

# Asymmetric ones only: with HS256 the client secret would be the key, and "none" is no signature at all.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")
# In the year 9999; numbers of JSON know no bound.
_LAST_MOMENT = 253_370_764_800
# §5.1. What is none of these, and not the claim that gives roles, is not kept.
_TEXTS = ("iss", "sub", "email", "preferred_username", "name", "given_name", "family_name")


def verify_id_token(token: object, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: object) -> Any:
    """The claims of an ID token (§3.1.3.7). Raises ProviderError, jwt.PyJWTError."""
    if not isinstance(token, str) or not token:
        raise ProviderError("the provider sent no ID token")
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise ProviderError("the ID token is signed in a way that isn't accepted")
    key = _signing_key(keys, header.get("kid"))
    options: Any = {"require": list(_REQUIRED)}
    claims = jwt.decode(token, key, algorithms=list(ALGORITHMS), issuer=issuer, audience=client_id, options=options)
    party = claims.get("azp")
    if party is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        raise ProviderError("the ID token is for several parties, and doesn't say who asked for it (azp)")
    if party is not None and party != client_id:
        raise ProviderError("the ID token was made for another party (azp)")
    if not (isinstance(nonce, str) and nonce and isinstance(claims.get("nonce"), str)):
        raise ProviderError("the ID token has no nonce")
    if not constant_time_compare(claims["nonce"], nonce):
        raise ProviderError("the ID token belongs to another sign-in (nonce)")
    return claims


def taken_from(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an ID token's or user info's claims. Raises ProviderError for a subject that is none."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not subject.strip():
        raise ProviderError("the provider's subject (sub) is no text")
    if len(subject) > app_settings.UID_MAX_LENGTH:
        raise ProviderError(f"the provider's subject (sub) has more than {app_settings.UID_MAX_LENGTH} characters")
    taken = {name: claims[name] for name in _TEXTS if isinstance(claims.get(name), str)}
    # Some say "true"; no other text or number is taken for it.
    taken["email_verified"] = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    if claims.get("auth_time") is not None:
        taken["auth_time"] = _moment(claims["auth_time"])
    root = _root_of_roles(claims)
    return taken | ({root: claims[root]} if root in claims else {})


def _moment(seconds: object) -> int | float:
    """A time as a number of seconds since 1970 (§2). Raises ProviderError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < _LAST_MOMENT:
        raise ProviderError("the provider's auth_time is no time")
    return seconds


def roles_given_by(said: Mapping[str, Any]) -> list[ProviderRole]:
    """The roles that a sign-in's claims give, by FACADE_OIDC_CLAIM and FACADE_OIDC_ROLES.

    `said` has the `userinfo` and the `id_token`. Where the user info has the claim at all, its word is the newer one,
    also when it is empty.
    """
    table = parse_provider_roles(settings.FACADE_OIDC_ROLES)
    info, token = said.get("userinfo") or {}, said.get("id_token") or {}
    values = _values(info) if _root_of_roles(info) in info else _values(token)
    return [role for value in values for role in table.get(value, [])]


def _root_of_roles(claims: Mapping[str, Any]) -> str:
    """The name, at the top level, below which the roles are."""
    whole: str = settings.FACADE_OIDC_CLAIM
    return whole if whole in claims else whole.partition(".")[0]


def _values(claims: Mapping[str, Any]) -> list[str]:
    """The claim's values; its name may be a path through objects, such as Keycloak's `realm_access.roles`."""
    whole: str = settings.FACADE_OIDC_CLAIM
    found: Any = claims
    for name in [whole] if whole in claims else whole.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return [found]
    return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []


def _signing_key(keys: Mapping[str, Any], kid: object) -> jwt.PyJWK:
    """The provider's key of that id; where the token names none, its only one (§10.1). Raises ProviderError."""
    listed = keys.get("keys")
    usable = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    signing = [key for key in usable if key.get("use", "sig") == "sig" and kid in (None, key.get("kid"))]
    if len(signing) != 1:
        raise ProviderError("the ID token is signed with a key that the provider doesn't list")
    return jwt.PyJWK(signing[0])

"""Asking a token realm for a token, in both forms that registries know.

GET: the Docker registry token specification. POST: its OAuth2 variant, with refresh tokens and passwords in a form.
Nothing here is kept or logged; the answer is the caller's to relay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

from routing.registries.auth.scopes import Scope, format_scopes
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.exceptions import BadResponse
from routing.registries.url import parse_registry_url

MAX_TOKEN_ANSWER_BYTES = 256 * 1024

# RFC 6750 §2.1 allows less; some registries' tokens hold more. None may hold what would split a header.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_RESERVED_BY_US = frozenset({"service", "scope"})

Fields = Sequence[tuple[str, str]]


async def fetch_token(
    client: RegistryClient,
    realm: str,
    *,
    service: str | None,
    scopes: Iterable[Scope] = (),
    authorization: str | None = None,
    fields: Fields = (),
    user_agent: str | None = None,
) -> RegistryResponse:
    """Ask a realm with GET, and give back its answer whatever the status.

    `fields` are further query parameters of the caller's (`account`, `client_id`, `offline_token`); `service` and
    `scope` among them are left out, since the arguments say those. Without `authorization` the token is an anonymous
    one. Raises `RegistryError`; `ForbiddenAddress` where the guard refuses the realm.
    """
    asked = [*_without_reserved(fields), *_service(service), *(("scope", str(scope)) for scope in scopes)]
    query = urlencode(asked, quote_via=quote, safe=":/,*()")
    place = realm.partition("#")[0]
    separator = "&" if "?" in place else "?"
    url = f"{place}{separator}{query}" if query else place
    headers = [*_authorization(authorization), *_user_agent(user_agent)]
    return await client.request("GET", url, headers=headers, max_body_bytes=MAX_TOKEN_ANSWER_BYTES)


async def post_token(
    client: RegistryClient,
    realm: str,
    *,
    service: str | None,
    scopes: Iterable[Scope] = (),
    authorization: str | None = None,
    fields: Fields = (),
    user_agent: str | None = None,
) -> RegistryResponse:
    """As `fetch_token`, with POST: `fields` are those of the OAuth2 form (`grant_type`, `refresh_token`, …)."""
    scope = format_scopes(scopes)
    asked = [*_without_reserved(fields), *_service(service), *([("scope", scope)] if scope else [])]
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        *_authorization(authorization),
        *_user_agent(user_agent),
    ]
    content = urlencode(asked).encode("ascii")
    return await client.request("POST", realm, headers=headers, content=content, max_body_bytes=MAX_TOKEN_ANSWER_BYTES)


def read_token(answer: RegistryResponse) -> str:
    """The token in a realm's answer: `token`, or `access_token` where that is missing. Raises `BadResponse`."""
    host = parse_registry_url(answer.url).authority
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise BadResponse(host, f"the token realm at {host} did not answer in JSON") from None
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadResponse(host, f"the token realm at {host} answered without a token")
    return token


def _without_reserved(fields: Fields) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if name not in _RESERVED_BY_US]


def _service(service: str | None) -> list[tuple[str, str]]:
    return [("service", service)] if service else []


def _authorization(authorization: str | None) -> list[tuple[str, str]]:
    return [("Authorization", authorization)] if authorization else []


def _user_agent(user_agent: str | None) -> list[tuple[str, str]]:
    return [("User-Agent", user_agent)] if user_agent else []

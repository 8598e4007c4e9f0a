"""Asking a token realm for a token, in both forms that registries know.

GET: the Docker registry token specification. POST: its OAuth2 variant, with refresh tokens and passwords in a form.
Nothing here is kept or logged; the answer is the caller's to relay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

from routing.registries.auth.scopes import Scope, format_scopes
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.content_coding import plain
from routing.registries.documents import parse_json
from routing.registries.exceptions import BadResponse
from routing.registries.guard import GuardPolicy
from routing.registries.redirects import request_following, same_host
from routing.registries.url import parse_registry_url

MAX_TOKEN_ANSWER_BYTES = 256 * 1024

# RFC 6750 §2.1 allows less; some registries' tokens hold more. None may hold what would split a header.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_HTTP_PORT = 80
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
    return await _ask(client, "GET", url, headers)


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
    return await _ask(client, "POST", realm, headers, content)


def usable_realm(realm: str, policy: GuardPolicy) -> str:
    """The realm to ask: with https where it names plain HTTP at its own port, and this facade calls for https.

    Registries behind a proxy that ends TLS often take themselves for `http://`; clients are redirected from there.
    """
    if policy.allow_insecure or not realm.lower().startswith("http://"):
        return realm
    try:
        target = parse_registry_url(realm)
    except ValueError:
        return realm
    return f"https://{target.authority}{target.path}" if target.port == _HTTP_PORT else realm


def read_token(answer: RegistryResponse) -> str:
    """The token in a realm's answer: `token`, or `access_token` where that is missing. Raises `BadResponse`."""
    host = parse_registry_url(answer.url).authority
    try:
        document = parse_json(answer.body)
    except ValueError:
        raise BadResponse(host, f"the token realm at {host} did not answer in JSON") from None
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadResponse(host, f"the token realm at {host} answered without a token")
    return token


async def _ask(
    client: RegistryClient, method: str, url: str, headers: Sequence[tuple[str, str]], content: bytes | None = None
) -> RegistryResponse:
    """Ask, past redirects on the realm's own host: from http to https, from an old path to a new one."""
    answer = await request_following(
        client,
        method,
        usable_realm(url, client.policy),
        headers=headers,
        content=content,
        within=same_host,
        max_body_bytes=MAX_TOKEN_ANSWER_BYTES,
    )
    return plain(answer, MAX_TOKEN_ANSWER_BYTES)


def _without_reserved(fields: Fields) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if name not in _RESERVED_BY_US]


def _service(service: str | None) -> list[tuple[str, str]]:
    return [("service", service)] if service else []


def _authorization(authorization: str | None) -> list[tuple[str, str]]:
    return [("Authorization", authorization)] if authorization else []


def _user_agent(user_agent: str | None) -> list[tuple[str, str]]:
    return [("User-Agent", user_agent)] if user_agent else []

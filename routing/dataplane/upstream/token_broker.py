"""The facade's `/token`: brings the caller's credentials to the realm of the registry that the scope maps to.

Source: the distribution project's token authentication specification (GET) and its OAuth2 variant (POST). Nothing is
stored or logged.
"""

import base64
import json
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from routing.core.decisions import Token
from routing.core.table.routing_table import Auth, RegistryEntry, Strategy, Table
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import Response, error
from routing.dataplane.upstream.client_pool import with_auth_details
from routing.dataplane.upstream.credentials import OPEN_TOKEN, SEALED_SECONDS, basic_credentials, seal
from routing.dataplane.upstream.loop_guard import loop_refusal
from routing.dataplane.upstream.relay import bad_gateway
from routing.dataplane.upstream.rewrite import forwarded_headers, oci_error
from routing.registries.auth.scopes import InvalidScope, Scope, parse_scopes, rewrite
from routing.registries.auth.tokens import fetch_token, post_token, read_token
from routing.registries.client import RegistryClient
from routing.registries.client import RegistryResponse as RegistryAnswer
from routing.registries.exceptions import BadResponse, RegistryError

_MAX_FIELDS = 50


class _Wanted(NamedTuple):
    """What a request to /token asks for: the registry (None: none asks for anything), and the scopes in its terms."""

    registry: RegistryEntry | None
    scopes: tuple[Scope, ...]


class _Unusable(Exception):
    """A request that can't be brokered; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def token(client: RegistryClient, table: Table, decision: Token, client_request: ClientRequest) -> Response:
    """Answer `/token`. Never raises for what the caller or the realm does."""
    try:
        fields = _fields(client_request)
        wanted = _wanted(table, decision.host, _scopes(fields))
        if wanted.registry is None:
            return _own_token(OPEN_TOKEN)
        _refuse_loop(table, wanted.registry.origin)
        registry = await with_auth_details(client, wanted.registry)
        if registry.auth == Auth.NONE:
            return _own_token(OPEN_TOKEN)
        _refuse_loop(table, registry.realm)
        if registry.auth == Auth.BASIC:
            return await _sealed(client, decision.host, registry, client_request, fields)
        return await _brokered(client, registry, wanted.scopes, client_request, fields)
    except _Unusable as problem:
        return problem.answer
    except RegistryError as failure:
        return bad_gateway(failure)


def _refuse_loop(table: Table, url: str) -> None:
    refusal = loop_refusal(table, url)
    if refusal is not None:
        raise _Unusable(refusal)


def _fields(client_request: ClientRequest) -> list[tuple[str, str]]:
    text = client_request.form.decode("utf-8", "replace") if client_request.method == "POST" else client_request.query
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise _Unusable(error(400, "UNSUPPORTED", f"more than {_MAX_FIELDS} parameters")) from None


def _scopes(fields: list[tuple[str, str]]) -> tuple[Scope, ...]:
    try:
        return parse_scopes(value for name, value in fields if name == "scope")
    except InvalidScope as problem:
        raise _Unusable(error(400, "UNSUPPORTED", str(problem))) from None


def _wanted(table: Table, host: str, scopes: tuple[Scope, ...]) -> _Wanted:
    """The registry of the first repository scope that is mapped; scopes that lead to another registry are left out.

    A token is good at one registry only, and clients ask for one repository at a time, or mount between two.
    """
    name, _ = table.match_host(host)
    matches = {scope.name: table.match_repository(name, scope.name) for scope in scopes if scope.is_repository}
    if not matches:
        return _Wanted(_login_registry(table, host), tuple(scope for scope in scopes if not scope.is_repository))
    found = [match for match in matches.values() if match is not None]
    if not found:
        raise _Unusable(error(403, "DENIED", f"this name is not mapped to any registry; ask the owner of {host}"))
    first = found[0]
    if first.strategy is Strategy.OPEN:
        return _Wanted(None, ())

    def upstream(name: str) -> str | None:
        match = matches[name]
        return match.upstream_name if match is not None and match.registry == first.registry else None

    return _Wanted(first.registry, rewrite(scopes, upstream))


def _login_registry(table: Table, host: str) -> RegistryEntry | None:
    """Where a login without a scope is tried: the hostname's login registry, or the only one that asks for anything."""
    name, entry = table.match_host(host)
    used = [key for key, ways in table.used_registries(name).items() if ways != {Strategy.OPEN}]
    key = entry.login_registry if entry is not None and entry.login_registry else used[0] if len(used) == 1 else ""
    compiled = table.registries.get(key)
    return None if compiled is None else compiled.entry


async def _brokered(
    client: RegistryClient,
    registry: RegistryEntry,
    scopes: tuple[Scope, ...],
    client_request: ClientRequest,
    fields: list[tuple[str, str]],
) -> Response:
    if registry.auth != Auth.BEARER or not registry.realm:
        raise BadResponse("", f"{registry.name} could not be asked where its tokens come from")
    ask = post_token if client_request.method == "POST" else fetch_token
    answer = await ask(
        client,
        registry.realm,
        service=registry.service,
        scopes=scopes,
        authorization=client_request.authorization or None,
        fields=fields,
        user_agent=client_request.user_agent or None,
    )
    if answer.status == 200:
        read_token(answer)
        return _token_answer(answer.body)
    return _realm_refusal(registry, answer)


def _realm_refusal(registry: RegistryEntry, answer: RegistryAnswer) -> Response:
    name = registry.name
    if 300 <= answer.status < 400 or answer.status >= 500:
        return error(502, "UNAVAILABLE", f"the token realm of {name} answered with status {answer.status}")
    words = oci_error(answer.body, answer.headers)
    if words is None and answer.status == 429:
        words = ("TOOMANYREQUESTS", f"the rate limit of {name}'s token realm is used up", None)
    code, message, detail = words or ("UNAUTHORIZED", f"{name} does not accept these credentials", None)
    refusal = error(answer.status, code, message, detail)
    refusal.headers.extend(
        (header, value) for header, value in forwarded_headers(answer.headers.multi_items()) if header == "retry-after"
    )
    return refusal


async def _sealed(
    client: RegistryClient,
    host: str,
    registry: RegistryEntry,
    client_request: ClientRequest,
    fields: list[tuple[str, str]],
) -> Response:
    """Try the caller's Basic credentials at the registry, and seal them into a token where they are right."""
    basic = basic_credentials(client_request.authorization) or _password_grant(dict(fields))
    if not basic:
        return error(
            401,
            "UNAUTHORIZED",
            f"{registry.name} needs a user name and password: docker login {client_request.public_origin.authority}",
        )
    headers = [("Authorization", f"Basic {basic}"), ("User-Agent", client_request.user_agent or "registry-facade")]
    tried = await client.request_headers_only("GET", f"{registry.origin}/v2/", headers=headers)
    if tried.status == 200:
        return _own_token(seal(basic, host, registry))
    if tried.status in (401, 403):
        return error(401, "UNAUTHORIZED", f"{registry.name} does not accept these credentials")
    raise BadResponse("", f"{registry.name} answered a login with status {tried.status}")


def _password_grant(fields: dict[str, str]) -> str:
    if fields.get("grant_type") != "password" or not fields.get("username"):
        return ""
    pair = f"{fields['username']}:{fields.get('password', '')}"
    return base64.b64encode(pair.encode()).decode()


def _own_token(value: str) -> Response:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"token": value, "access_token": value, "expires_in": SEALED_SECONDS, "issued_at": now}
    return _token_answer(json.dumps(body).encode())


def _token_answer(body: bytes) -> Response:
    headers = [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
    ]
    return Response(200, headers, body)

"""The facade's `/token`: brings the caller's credentials to the realm of the registry that the scope maps to.

Source: the distribution project's token authentication
specification (GET) and its OAuth2 variant (POST). Nothing is stored or logged.
"""

import base64
import json
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from routing.core.decide import leads_somewhere
from routing.core.decisions import Token
from routing.core.grammar.names import MAX_NAME_LENGTH
from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, Match, RegistryEntry, Strategy, Table
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.responses import INERT, Response, error
from routing.dataplane.upstream.client_pool import with_auth_details
from routing.dataplane.upstream.credentials import OPEN_TOKEN, SEALED_SECONDS, basic_credentials, bind, seal
from routing.dataplane.upstream.loop_guard import loop_refusal
from routing.dataplane.upstream.refusals import bad_gateway
from routing.dataplane.upstream.rewrite import named_headers, oci_error
from routing.registries.auth.scopes import InvalidScope, Scope, parse_scopes, rewrite, without_mirrored
from routing.registries.auth.tokens import fetch_token, post_token, read_token
from routing.registries.client import RegistryClient
from routing.registries.client import RegistryResponse as RegistryAnswer
from routing.registries.documents import parse_json
from routing.registries.exceptions import BadResponse, RegistryError
from routing.registries.redirects import peek_following

# A few hundred scopes, which builders ask for at once. Our own server takes no longer heads either (bounds.py).
MAX_TOKEN_QUERY_BYTES = 32 * 1024

# Who asks for these needs no token.
_ASK_NOTHING = frozenset((Strategy.OPEN, Strategy.PUBLISH))


class _Wanted(NamedTuple):
    """What a request to /token asks for: the registry (None: none asks for anything), and the scopes in its terms.

    `repository` is the upstream name of one that is not for everybody, at a registry whose ping says nothing of that.
    """

    registry: RegistryEntry | None
    scopes: tuple[Scope, ...]
    repository: str = ""


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
        _refuse_loop(table, wanted.registry.origin, decision.host)
        registry = await with_auth_details(client, wanted.registry, wanted.repository)
        if registry.auth == Auth.NONE:
            return _own_token(OPEN_TOKEN)
        _refuse_loop(table, registry.realm, decision.host)
        if registry.auth == Auth.BASIC:
            return await _sealed(client, decision.host, registry, wanted.repository, client_request, fields)
        return await _brokered(client, registry, wanted.scopes, client_request, fields)
    except _Unusable as problem:
        return problem.answer
    except RegistryError as failure:
        return bad_gateway(failure)


def _refuse_loop(table: Table, url: str, host: str) -> None:
    refusal = loop_refusal(table, url, host)
    if refusal is not None:
        raise _Unusable(refusal)


def _fields(client_request: ClientRequest) -> list[tuple[str, str]]:
    if client_request.method == "POST":
        return parse_qsl(client_request.form.decode("utf-8", "replace"), keep_blank_values=True)
    if len(client_request.query) > MAX_TOKEN_QUERY_BYTES:
        message = f"a request for a token has {MAX_TOKEN_QUERY_BYTES} bytes at most"
        raise _Unusable(error(414, "SIZE_INVALID", message))
    return parse_qsl(client_request.query, keep_blank_values=True)


def _scopes(fields: list[tuple[str, str]]) -> tuple[Scope, ...]:
    try:
        return parse_scopes(value for name, value in fields if name == "scope")
    except InvalidScope as problem:
        raise _Unusable(error(400, "UNSUPPORTED", str(problem))) from None


def _wanted(table: Table, host: str, scopes: tuple[Scope, ...]) -> _Wanted:
    """The registry of the first repository scope that wants a token; scopes at another registry are left out.

    A token is good at one registry only, and clients ask for one repository at a time, or mount between two. Where no
    scope leads anywhere, nobody is asked: the request for the repository will be told why.
    """
    name, _ = table.match_host(host)
    matches = {scope.name: _match(table, name, scope.name) for scope in scopes if scope.is_repository}
    if not matches:
        return _Wanted(_login_registry(table, host), tuple(scope for scope in scopes if not scope.is_repository))
    scopes = without_mirrored(scopes, lambda name: matches.get(name) is not None)
    found = [match for scope in scopes if scope.is_repository and leads_somewhere(match := matches.get(scope.name))]
    if not found:
        # Several clients keep to themselves why they get no token, but tell what is said of a manifest.
        return _Wanted(None, ())
    first = next((match for match in found if match.strategy not in _ASK_NOTHING), None)
    if first is None:
        return _Wanted(None, ())

    def upstream(name: str) -> str | None:
        match = matches[name]
        return match.upstream_name if leads_somewhere(match) and match.registry_key == first.registry_key else None

    compiled = table.registries.get(first.registry_key)
    says_by_itself = compiled is not None and compiled.entry.auth in (Auth.NONE, Auth.UNKNOWN)
    repository = first.upstream_name if first.flags & Flag.PRIVATE and says_by_itself else ""
    return _Wanted(first.registry, rewrite(scopes, upstream), repository)


def _match(table: Table, host: str, name: str) -> Match | None:
    # Each of a name's components is a look-up, and no repository's name is longer.
    return table.match_repository(host, name) if len(name) <= MAX_NAME_LENGTH else None


def _login_registry(table: Table, host: str) -> RegistryEntry | None:
    """Where a login without a scope is tried: the hostname's login registry, or the only one that asks for anything."""
    name, entry = table.match_host(host)
    used = [key for key, ways in table.used_registries(name).items() if not ways <= _ASK_NOTHING]
    key = entry.login_registry if entry is not None and entry.login_registry else used[0] if len(used) == 1 else ""
    compiled = table.registries.get(key)
    if compiled is None:
        return None
    challenge = table.login_challenge(name, key) if compiled.entry.auth == Auth.NONE else ""
    return compiled.entry.asking(challenge) if challenge else compiled.entry


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
        return _bound_token(registry, read_token(answer), answer.body)
    return _realm_refusal(
        registry, answer, client_request, with_credentials=_brings_credentials(client_request, fields)
    )


def _brings_credentials(client_request: ClientRequest, fields: list[tuple[str, str]]) -> bool:
    names = {name for name, value in fields if value}
    return bool(client_request.authorization) or not names.isdisjoint(("password", "refresh_token"))


def _realm_refusal(
    registry: RegistryEntry, answer: RegistryAnswer, client_request: ClientRequest, *, with_credentials: bool
) -> Response:
    """The realm's refusal, under its own status: clients go by it.

    containerd asks again with GET where POST is answered with 400, 401, 404 or 405 (core/remotes/docker/authorizer.go),
    since realms without the OAuth2 variant answer so. 404 and 405 say nothing about the credentials.
    """
    status, name = answer.status, registry.name
    if 300 <= status < 400:
        message = f"the token realm of {name} redirects to another host, to which credentials for it must not go"
        return error(502, "UNAVAILABLE", message)
    if status < 400 or status >= 500:
        return error(502, "UNAVAILABLE", f"the token realm of {name} answered with status {status}")
    words = oci_error(answer.body, answer.headers)
    code, message, detail = words or _own_words(name, status, client_request, with_credentials=with_credentials)
    refusal = error(status, code, message, detail)
    passed = ("retry-after", "allow")
    refusal.headers.extend(named_headers(answer.headers.multi_items(), passed))
    if status == 405 and "allow" not in answer.headers:
        # RFC 9110 §15.5.6 wants one.
        refusal.headers.append(("Allow", "GET" if client_request.method == "POST" else "POST"))
    return refusal


def _own_words(
    name: str, status: int, client_request: ClientRequest, *, with_credentials: bool
) -> tuple[str, str, object]:
    if status in (401, 403):
        login = f"{name} gives no token without credentials: docker login {client_request.public_origin.authority}"
        return "UNAUTHORIZED", f"{name} does not accept these credentials" if with_credentials else login, None
    if status == 429:
        return "TOOMANYREQUESTS", f"the rate limit of {name}'s token realm is used up", None
    if status in (404, 405, 410):
        return "UNSUPPORTED", f"the token realm of {name} does not answer {client_request.method}", None
    return "UNKNOWN", f"the token realm of {name} answered with status {status}", None


async def _sealed(
    client: RegistryClient,
    host: str,
    registry: RegistryEntry,
    repository: str,
    client_request: ClientRequest,
    fields: list[tuple[str, str]],
) -> Response:
    """Try the caller's Basic credentials at the registry, and seal them into a token where they are right.

    At a registry whose ping asks for nothing they are tried at the `repository` itself.
    """
    basic = basic_credentials(client_request.authorization) or _password_grant(dict(fields))
    if not basic:
        return error(
            401,
            "UNAUTHORIZED",
            f"{registry.name} needs a user name and password: docker login {client_request.public_origin.authority}",
        )
    headers = [("Authorization", f"Basic {basic}"), ("User-Agent", client_request.user_agent or "registry-facade")]
    place = f"{repository}/tags/list?n=1" if repository else ""
    tried = await peek_following(client, "GET", f"{registry.origin}/v2/{place}", headers=headers)
    # Of a repository that isn't there, or not for this user, the registry has to say so itself.
    if tried.status == 200 or (repository and tried.status in (403, 404)):
        return _own_token(seal(basic, host, registry))
    if tried.status in (401, 403):
        return error(401, "UNAUTHORIZED", f"{registry.name} does not accept these credentials")
    if tried.status == 429:
        refusal = error(429, "TOOMANYREQUESTS", f"the rate limit of {registry.name} is used up")
        refusal.headers.extend(named_headers(tried.headers.multi_items(), ("retry-after",)))
        return refusal
    raise BadResponse("", f"{registry.name} answered a login with status {tried.status}")


def _password_grant(fields: dict[str, str]) -> str:
    if fields.get("grant_type") != "password" or not fields.get("username"):
        return ""
    pair = f"{fields['username']}:{fields.get('password', '')}"
    return base64.b64encode(pair.encode()).decode()


def _bound_token(registry: RegistryEntry, value: str, body: bytes) -> Response:
    """The realm's answer, with its token bound to the registry that it is for."""
    document = parse_json(body)
    assert isinstance(document, dict)
    bound = {name: bind(value, registry) for name in ("token", "access_token") if name in document}
    return _token_answer(json.dumps(document | bound).encode())


def _own_token(value: str) -> Response:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"token": value, "access_token": value, "expires_in": SEALED_SECONDS, "issued_at": now}
    return _token_answer(json.dumps(body).encode())


def _token_answer(body: bytes) -> Response:
    headers = [
        ("Content-Type", "application/json"),
        *INERT,
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
    ]
    return Response(200, headers, body)

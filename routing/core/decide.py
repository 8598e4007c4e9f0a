"""`decide()`: from the table and one request to one decision. The rules are those of docs/request-handling.md.

Nothing that a request contains chooses where a redirect goes: the origin comes from the table, the path is rebuilt from
parts that passed the grammar, and the query goes behind a `?`.
"""

from typing import NamedTuple

from routing.core.decisions import Challenge, Control, Decision, LocateBlob, PingOk, Redirect, Refuse, Relay, Token
from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.core.grammar.names import (
    MAX_NAME_LENGTH,
    Endpoint,
    EndpointKind,
    InvalidRequestTarget,
    has_unsafe_characters,
    parse_endpoint,
    parse_pull,
    query_has_unsafe_characters,
)
from routing.core.grammar.user_agents import answers_challenges_anywhere, parse_user_agent, reauthorises
from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import HostEntry, Match, Strategy, Table, TenantEntry

READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
# For what every redirect passes, members looked up once: on an enum that costs as much as a dictionary look-up.
_OPEN, _SPLIT, _REDIRECT_ONLY = Strategy.OPEN, Strategy.SPLIT, Strategy.REDIRECT_ONLY
_MANIFEST, _BLOB, _UPLOAD = EndpointKind.MANIFEST, EndpointKind.BLOB, EndpointKind.UPLOAD
_ENABLED, _ALLOW_PUSH = int(Flag.ENABLED), int(Flag.ALLOW_PUSH)
_CONTROL = Control()
_PING_OK = PingOk()


class Request(NamedTuple):
    """What `decide()` looks at, raw: the Host header, the undecoded path, the query string, latin-1 decoded."""

    method: str
    host: str
    path: str
    query: str = ""
    user_agent: str = ""
    authorized: bool = False


def decide(table: Table, request: Request) -> Decision:
    """What the request gets. Never raises, whatever the request holds."""
    host, path = request.host, request.path
    name, entry = host, table.hosts.get(host)
    if entry is None or host[0] == "*":
        # Not as it is stored; perhaps it is so in its normal form, or falls under a wildcard.
        try:
            host, _ = parse_authority(host)
        except InvalidHost as error:
            return Refuse(400, "NAME_INVALID", f"the Host header is not valid: {error}")
        name, entry = table.match_host(host)
    if entry is None or not entry.enabled:
        return _CONTROL if host in table.policy.control_hosts else _unknown_host(host, entry)
    endpoint = parse_pull(path)
    if endpoint is None and _is_control_path(path) and host in table.policy.control_hosts:
        return _CONTROL
    if query_has_unsafe_characters(request.query) or (endpoint is None and has_unsafe_characters(path)):
        return Refuse(
            400, "NAME_INVALID", "the path or query has characters that no repository name, tag or digest holds"
        )
    tenant = table.tenants.get(entry.tenant)
    if tenant is None or tenant.refusal or entry.refusal:
        return Refuse(403, "DENIED", _refusal(tenant, entry))
    if endpoint is not None:
        return _repository(table, host, name, endpoint, request)
    return _other(table, host, name, entry, request)


def _is_control_path(path: str) -> bool:
    return not path.startswith(("/v2/", "/v1/")) and path not in ("/v2", "/token")


def _other(table: Table, host: str, name: str, entry: HostEntry, request: Request) -> Decision:
    path = request.path
    if path in ("/v2/", "/v2"):
        return _ping(table, host, name, entry, request)
    if path == "/token":
        return _token(host, request)
    if not path.startswith("/v2/"):
        return Refuse(404, "UNSUPPORTED", "this address serves the OCI distribution API under /v2/ and nothing else")
    try:
        endpoint = parse_endpoint(path)
    except InvalidRequestTarget as error:
        return Refuse(error.status, error.code, str(error))
    return _repository(table, host, name, endpoint, request)


def _unknown_host(host: str, entry: HostEntry | None) -> Refuse:
    if entry is None:
        return Refuse(404, "NAME_UNKNOWN", f"{host} is not a hostname of this registry facade")
    return Refuse(404, "NAME_UNKNOWN", f"{host} is switched off at this registry facade")


def _refusal(tenant: TenantEntry | None, entry: HostEntry) -> str:
    if entry.refusal:
        return entry.refusal
    return "this address has no owner" if tenant is None else tenant.refusal


def _repository(table: Table, host: str, served_name: str, endpoint: Endpoint, request: Request) -> Decision:
    match = table.match_repository(served_name, endpoint.name)
    if match is None:
        return Refuse(403, "DENIED", f"{host}/{endpoint.name} is not mapped to any registry; ask the owner of {host}")
    if not match.flags & _ENABLED:
        where = f"{host}/{match.prefix}" if match.prefix else host
        return Refuse(403, "DENIED", f"the mapping of {where} is switched off; ask the owner of {host}")
    if not match.upstream_name:
        return Refuse(403, "DENIED", f"{host}/{endpoint.name} is a namespace; name a repository below it")
    if len(match.upstream_name) > MAX_NAME_LENGTH:
        return Refuse(400, "NAME_INVALID", f"the name at the registry is longer than {MAX_NAME_LENGTH} characters")
    if request.method in READS and endpoint.kind is not _UPLOAD:
        return _read(table, host, endpoint, match, request)
    if request.method in WRITES or endpoint.kind is _UPLOAD:
        return _write(table, endpoint, match, request)
    return Refuse(405, "UNSUPPORTED", "the method is not one of the OCI distribution API", allow="GET, HEAD")


def _url(match: Match, endpoint: Endpoint, query: str) -> str:
    url = f"{match.registry.origin}/v2/{match.upstream_name}/{endpoint.tail}"
    return f"{url}?{query}" if query else url


def _read(table: Table, host: str, endpoint: Endpoint, match: Match, request: Request) -> Decision:
    strategy, kind = match.strategy, endpoint.kind
    content = kind is _MANIFEST or kind is _BLOB
    url = _url(match, endpoint, request.query)
    if strategy is _REDIRECT_ONLY or (strategy is _OPEN and content):
        return Redirect(url)
    follows = reauthorises(request.user_agent, table.policy.reauthorising_clients)
    if strategy is not _OPEN and not request.authorized:
        if strategy is _SPLIT and follows:
            return Redirect(url)
        return Challenge(host, f"repository:{endpoint.name}:pull")
    key = match.registry_key
    if kind is _BLOB:
        follows = answers_challenges_anywhere(request.user_agent, table.policy.reauthorising_clients)
        return LocateBlob(host, key, match.registry, url, endpoint, match.upstream_name, strategy, follows)
    return Relay(host, key, match.registry, url, endpoint, match.upstream_name, strategy)


def _write(table: Table, endpoint: Endpoint, match: Match, request: Request) -> Decision:
    where = f"{match.registry.origin.partition('://')[2]}/{match.upstream_name}"
    if not match.flags & _ALLOW_PUSH:
        return Refuse(405, "UNSUPPORTED", f"this address is for pulling; push to {where}", allow="GET, HEAD")
    if not reauthorises(request.user_agent, table.policy.reauthorising_clients):
        message = f"this client cannot push through a redirect; push to {where}"
        return Refuse(405, "UNSUPPORTED", message, allow="GET, HEAD")
    return Redirect(_url(match, endpoint, request.query))


def _ping(table: Table, host: str, name: str, entry: HostEntry, request: Request) -> Decision:
    if request.method not in READS:
        return Refuse(405, "UNSUPPORTED", "/v2/ is there to be read", allow="GET, HEAD")
    used = {key: ways for key, ways in table.used_registries(name).items() if ways != {Strategy.OPEN}}
    if not used:
        return _PING_OK
    ways = set().union(*used.values())
    only = next(iter(used)) if len(used) == 1 else ""
    if ways <= {Strategy.REDIRECT_ONLY, Strategy.OPEN}:
        return _ping_redirect(table, only or entry.login_registry)
    if only and Strategy.BROKER not in ways and parse_user_agent(request.user_agent).name == "docker":
        return _ping_redirect(table, only)
    if not request.authorized:
        return Challenge(host)
    compiled = table.registries.get(only)
    if compiled is None:
        return _PING_OK
    registry = compiled.entry
    return Relay(host, only, registry, f"{registry.origin}/v2/", None, "", Strategy.BROKER)


def _token(host: str, request: Request) -> Decision:
    if request.method in (*READS, "POST"):
        return Token(host)
    return Refuse(405, "UNSUPPORTED", "ask for a token with GET or POST", allow="GET, POST")


def _ping_redirect(table: Table, key: str) -> Decision:
    compiled = table.registries.get(key)
    return _PING_OK if compiled is None else Redirect(f"{compiled.entry.origin}/v2/")

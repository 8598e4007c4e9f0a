"""`decide()`: from the table and one request to one decision. The rules are those of request-handling.md.

Nothing that a request contains chooses where a redirect goes: the origin comes from the table, the path is rebuilt from
parts that passed the grammar, and the query goes behind a `?`.
"""

from typing import NamedTuple, TypeGuard

from routing.core.decisions import (
    Challenge,
    Control,
    Decision,
    Echo,
    Former,
    Health,
    LocateBlob,
    Page,
    PageKind,
    PingOk,
    Redirect,
    RedirectToHolder,
    Refuse,
    Relay,
    Token,
)
from routing.core.grammar.badges import BADGE_PATH, OF_REPOSITORIES, OF_SELF_TEST, BadgeKind, parse_badge_path
from routing.core.grammar.echo import ECHO_PATH
from routing.core.grammar.front_door import FrontDoor
from routing.core.grammar.hosts import InvalidHost, is_ip_address, parse_authority
from routing.core.grammar.names import (
    MAX_NAME_LENGTH,
    Endpoint,
    EndpointKind,
    InvalidRequestTarget,
    has_unsafe_characters,
    parse_endpoint,
    parse_pull,
    query_has_unsafe_characters,
    with_plain_colon,
)
from routing.core.grammar.user_agents import Ability, ClientProfile, Needed
from routing.core.table.front_door import parse_packed_front_door
from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, HostEntry, Match, Strategy, Table, TenantEntry

READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
LIVENESS_PATH, READINESS_PATH = "/livez", "/readyz"
_HOSTILE = "the path or query has characters that no repository name, tag or digest holds"
_ESCAPED = "the path has a percent escape: names and tags are written without, and only a digest's colon may be %3A"
# For what every redirect passes, members looked up once: on an enum that costs as much as a dictionary look-up.
_OPEN, _SPLIT, _REDIRECT_ONLY = Strategy.OPEN, Strategy.SPLIT, Strategy.REDIRECT_ONLY
_PUBLISH = Strategy.PUBLISH
_MANIFEST, _BLOB, _UPLOAD = EndpointKind.MANIFEST, EndpointKind.BLOB, EndpointKind.UPLOAD
_NOTHING, _CREDENTIALS, _DOCKER_PING = Ability.NOTHING, Ability.CREDENTIALS, Ability.DOCKER_PING
_ENABLED, _ALLOW_PUSH, _PRIVATE = int(Flag.ENABLED), int(Flag.ALLOW_PUSH), int(Flag.PRIVATE)
# What any host answers in the same way, served or not.
_ALIKE = {"/abuse": PageKind.ABUSE, "/favicon.ico": PageKind.ICON, "/robots.txt": PageKind.ROBOTS}
_CONTROL = Control()
_ECHO = Echo()
_PING_OK = PingOk()


class Request(NamedTuple):
    """What `decide()` looks at, raw: the Host header, the undecoded path, the query string, latin-1 decoded.

    `is_http_1_0`: its version has no Host header, and so its clients need not send one (RFC 9112 §3.2).
    """

    method: str
    host: str
    path: str
    query: str = ""
    user_agent: str = ""
    authorized: bool = False
    is_http_1_0: bool = False


def decide(table: Table, request: Request) -> Decision:
    """What the request gets. Never raises, whatever the request holds."""
    path = request.path if "%" not in request.path else with_plain_colon(request.path)
    request = request if path is request.path else request._replace(path=path)
    host = request.host
    if path.startswith(ECHO_PATH) and request.method in READS:
        # Whatever the host: that a proxy has lost it is one of the answers.
        return _ECHO
    name, entry = host, table.hosts.get(host)
    if entry is None or host[0] == "*":
        # Not as it is stored; perhaps it is so in its normal form, or falls under a wildcard.
        try:
            host, _ = parse_authority(host)
        except InvalidHost as error:
            return _no_host(request, str(error))
        name, entry = table.match_host(host)
        if name != host and name == table.policy.catch_all and _is_probe(table, host, request):
            return Health(request.path == READINESS_PATH)
    if entry is None or not entry.enabled:
        return _CONTROL if host in table.policy.control_hosts else _unserved_host(host, entry, request)
    endpoint = parse_pull(path)
    if endpoint is None and _is_control_path(path) and host in table.policy.control_hosts:
        return _CONTROL
    if query_has_unsafe_characters(request.query) or (endpoint is None and has_unsafe_characters(path)):
        return Refuse(400, "NAME_INVALID", _ESCAPED if "%" in path else _HOSTILE)
    tenant = table.tenants.get(entry.tenant)
    if tenant is None or tenant.refusal or entry.refusal:
        words = _refusal(tenant, entry)
        return _not_served(request, 403, words) or Refuse(403, "DENIED", words)
    if endpoint is not None:
        return _repository(table, host, name, endpoint, request)
    return _other(table, host, name, entry, request, tenant.name)


def is_health_check(request: Request) -> bool:
    """Whether the request is one that load balancers and kubelets send, as far as it goes without its host."""
    return request.path in (LIVENESS_PATH, READINESS_PATH) and request.method in READS


def _is_probe(table: Table, host: str, request: Request) -> bool:
    """Whether a platform asks for its health by whatever name it knows. On control hosts Django answers that."""
    return is_health_check(request) and host not in table.policy.control_hosts


def _is_for_people(request: Request) -> bool:
    """Whether it is a browser's, by its path and method alone: no registry client asks so."""
    return request.method in READS and request.path[:1] in ("/", "") and _is_control_path(request.path)


def _page(path: str, tenant: str, name: str, entry: HostEntry) -> Page:
    kind = _ALIKE.get(path)
    if kind is not None:
        return Page(kind, 200, tenant)
    front = parse_packed_front_door(entry.front)
    if path.startswith(BADGE_PATH):
        return _badge(path, tenant, name, entry, front)
    if path in ("/", ""):
        return _led_on(Page(PageKind.FRONT, 200, tenant, front=front), front.link)
    # What was copied with its tag or digest leads to the same page.
    listed = front.listed(path[1:].partition("@")[0].partition(":")[0])
    if listed is None:
        return Page(PageKind.NOT_FOUND, 404, tenant, front=front)
    return _led_on(Page(PageKind.REPOSITORY, 200, tenant, front=front, listed=listed), listed.link)


def _badge(path: str, tenant: str, name: str, entry: HostEntry, front: FrontDoor) -> Page:
    """The badge, if everybody may see it; else what every path gets at which there is nothing."""
    badge = parse_badge_path(path)
    if badge is not None and badge.kind is BadgeKind.SELF_TEST:
        is_public = OF_SELF_TEST in entry.badges
    else:
        is_public = OF_REPOSITORIES in entry.badges and badge is not None and bool(front.listed(badge.repository))
    if not is_public:
        return Page(PageKind.NOT_FOUND, 404, tenant, front=front)
    return Page(PageKind.BADGE, 200, tenant, badge=badge, served_name=name)


def _led_on(page: Page, link: str) -> Page:
    """The page, or the way on to where its tenant sends visitors instead: by what it wrote, and by nothing else."""
    if not page.front.leads_on or not link:
        return page
    return Page(PageKind.LEADS_ON, 307, page.tenant, location=link)


def _not_served(request: Request, status: int, words: str) -> Page | None:
    """What a browser gets at a host that isn't served; None for a registry client."""
    if not _is_for_people(request):
        return None
    kind = _ALIKE.get(request.path)
    return Page(PageKind.NOT_SERVED, status, words=words) if kind is None else Page(kind, 200)


def _is_control_path(path: str) -> bool:
    return not path.startswith(("/v2/", "/v1/")) and path not in ("/v2", "/token")


def _other(table: Table, host: str, name: str, entry: HostEntry, request: Request, tenant: str) -> Decision:
    path = request.path
    if _is_for_people(request):
        return _page(path, tenant, name, entry)
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


def _no_host(request: Request, problem: str) -> Decision:
    if not request.host and request.is_http_1_0 and is_health_check(request):
        return Health(request.path == READINESS_PATH)
    return Refuse(400, "NAME_INVALID", f"the Host header is not valid: {problem}")


def _unserved_host(host: str, entry: HostEntry | None, request: Request) -> Decision:
    if entry is None:
        if is_health_check(request) and is_ip_address(host):
            return Health(request.path == READINESS_PATH)
        words = f"{host} is not a hostname of this registry facade"
    else:
        words = f"{host} is switched off at this registry facade"
    return _not_served(request, 404, words) or Refuse(404, "NAME_UNKNOWN", words)


def _refusal(tenant: TenantEntry | None, entry: HostEntry) -> str:
    if entry.refusal:
        return entry.refusal
    return "this address has no owner" if tenant is None else tenant.refusal


def _repository(table: Table, host: str, served_name: str, endpoint: Endpoint, request: Request) -> Decision:
    match = table.match_repository(served_name, endpoint.name)
    if not leads_somewhere(match):
        return _no_repository(host, endpoint.name, match)
    if request.method in READS and endpoint.kind is not _UPLOAD:
        if match.former and ":" in endpoint.reference and endpoint.kind in (_MANIFEST, _BLOB):
            return _read_after_repoint(table, host, served_name, endpoint, match, request)
        return _read(table, host, served_name, endpoint, match, request)
    if request.method in WRITES or endpoint.kind is _UPLOAD:
        return _write(table, endpoint, match, request)
    return Refuse(405, "UNSUPPORTED", "the method is not one of the OCI distribution API", allow="GET, HEAD")


def leads_somewhere(match: Match | None) -> TypeGuard[Match]:
    """Whether what a name falls under leads it to a repository."""
    return match is not None and bool(match.flags & _ENABLED) and 0 < len(match.upstream_name) <= MAX_NAME_LENGTH


def _no_repository(host: str, name: str, match: Match | None) -> Refuse:
    """Why a name leads to no repository, in words for who pulls it."""
    if match is None:
        return Refuse(404, "NAME_UNKNOWN", f"{host}/{name} is not mapped to any registry; ask the owner of {host}")
    if not match.flags & _ENABLED:
        where = f"{host}/{match.prefix}" if match.prefix else host
        return Refuse(403, "DENIED", f"the mapping of {where} is switched off; ask the owner of {host}")
    if not match.upstream_name:
        return Refuse(404, "NAME_UNKNOWN", f"{host}/{name} is a namespace; name a repository below it")
    return Refuse(400, "NAME_INVALID", f"the name at the registry is longer than {MAX_NAME_LENGTH} characters")


def _url(match: Match, endpoint: Endpoint, query: str) -> str:
    url = f"{match.registry.origin}/v2/{match.upstream_name}/{endpoint.tail}"
    return f"{url}?{query}" if query else url


def _read(
    table: Table, host: str, served_name: str, endpoint: Endpoint, match: Match, request: Request
) -> Redirect | Challenge | Relay | LocateBlob | Refuse:
    strategy, kind = match.strategy, endpoint.kind
    content = kind is _MANIFEST or kind is _BLOB
    url = _url(match, endpoint, request.query)
    if strategy is _REDIRECT_ONLY or (strategy is _OPEN and content):
        return Redirect(url)
    client = table.policy.clients.of(request.user_agent)
    if strategy is _PUBLISH:
        return _published(host, f"{served_name}/{match.prefix}", url, endpoint, match, client)
    if strategy is not _OPEN and not request.authorized:
        if strategy is _SPLIT and client.ability is not _NOTHING:
            return Redirect(url)
        return Challenge(host, f"repository:{endpoint.name}:pull")
    key, is_private = match.registry_key, bool(match.flags & _PRIVATE)
    if kind is _BLOB:
        # A token for the facade shows that docker's ping ended here: from a redirect on, it brings none.
        able = _able(table, served_name, match)
        registry, name = match.registry, match.upstream_name
        return LocateBlob(host, key, registry, url, endpoint, name, strategy, client, match.needed, able, is_private)
    return Relay(host, key, match.registry, url, endpoint, match.upstream_name, strategy, is_private, match.notice)


def _published(
    host: str, mapping: str, url: str, endpoint: Endpoint, match: Match, client: ClientProfile
) -> Relay | LocateBlob | Refuse:
    """Whoever asks, and with whatever token: the mapping's own account is asked for, and nobody is sent to where only
    that account gets anything.
    """
    key, registry, name, way = match.registry_key, match.registry, match.upstream_name, match.strategy
    if not registry.account:
        message = f"{host}/{endpoint.name} is published with an account that is not here any more"
        return Refuse(503, "UNAVAILABLE", f"{message}; ask the owner of {host} to publish it anew")
    if endpoint.kind is _BLOB:
        return LocateBlob(host, key, registry, url, endpoint, name, way, client, match.needed, "", publishes=mapping)
    return Relay(host, key, registry, url, endpoint, name, way, notice=match.notice, publishes=mapping)


def _read_after_repoint(
    table: Table, host: str, served_name: str, endpoint: Endpoint, match: Match, request: Request
) -> Decision:
    """As `_read`, with what the former target would get, for content that the present one may not have."""
    decision = _read(table, host, served_name, endpoint, match, request)
    until, there = table.former_match(match, endpoint.name)
    if isinstance(decision, Challenge | Refuse) or not leads_somewhere(there):
        return decision
    at_former = _read(table, host, served_name, endpoint, there, request)
    if isinstance(at_former, Challenge):
        # Nobody is asked for a token of a registry that the mapping has left: what there is for everybody is given.
        at_former = _read(table, host, served_name, endpoint, there, request._replace(authorized=True))
    assert not isinstance(at_former, Challenge | Refuse)
    former = Former(until, there.registry, there.upstream_name, at_former)
    if isinstance(decision, Redirect):
        location, registry, name = decision.location, match.registry, match.upstream_name
        return RedirectToHolder(host, location, registry, endpoint, name, former)
    return decision._replace(former=former)


def _write(table: Table, endpoint: Endpoint, match: Match, request: Request) -> Decision:
    where = f"{match.registry.origin.partition('://')[2]}/{match.upstream_name}"
    if not match.flags & _ALLOW_PUSH:
        return Refuse(405, "UNSUPPORTED", f"this address is for pulling; push to {where}", allow="GET, HEAD")
    if not _pushes(table.policy.clients.of(request.user_agent), match, request):
        message = f"this client cannot push through a redirect; push to {where}"
        return Refuse(405, "UNSUPPORTED", message, allow="GET, HEAD")
    return Redirect(_url(match, endpoint, request.query))


def _pushes(client: ClientProfile, match: Match, request: Request) -> bool:
    """Whether the client's upload gets through: whoever pushes needs credentials, unless nobody is asked for any."""
    if not client.pushes or client.ability is _NOTHING:
        return False
    if client.ability is _CREDENTIALS or match.needed is Needed.NOTHING:
        return True
    # docker takes its credentials to where its ping ended, and shows by a token that this was here.
    return client.ability is _DOCKER_PING and match.registry.auth != Auth.BASIC and not request.authorized


def _ping(table: Table, host: str, name: str, entry: HostEntry, request: Request) -> Decision:
    if request.method not in READS:
        return Refuse(405, "UNSUPPORTED", "/v2/ is there to be read", allow="GET, HEAD")
    used = _asking_registries(table, name)
    if not used:
        return _PING_OK
    ways = set().union(*used.values())
    only = next(iter(used)) if len(used) == 1 else ""
    client = table.policy.clients.of(request.user_agent)
    if _publishes(table, name):
        # Who was sent to a registry's ping would bring that one's token for what is published, or none at all.
        ways = {*ways, Strategy.BROKER}
    if ways <= {Strategy.REDIRECT_ONLY, Strategy.OPEN}:
        return _ping_redirect(table, only or entry.login_registry)
    if only and Strategy.BROKER not in ways and client.ability is _DOCKER_PING:
        return _ping_redirect(table, only)
    if not request.authorized:
        return Challenge(host)
    compiled = table.registries.get(only)
    if compiled is None:
        return _PING_OK
    registry = compiled.entry
    return Relay(host, only, registry, f"{registry.origin}/v2/", None, "", Strategy.BROKER)


def _asking_registries(table: Table, name: str) -> dict[str, set[Strategy]]:
    """The registries behind a hostname that ask its clients for something, with the strategies that lead there."""
    used = table.used_registries(name).items()
    return {key: ways for key, ways in used if not ways <= {Strategy.OPEN, Strategy.PUBLISH}}


def _publishes(table: Table, name: str) -> bool:
    """Whether some mapping of a hostname is published."""
    return any(Strategy.PUBLISH in ways for ways in table.used_registries(name).values())


def _able(table: Table, served_name: str, match: Match) -> str:
    """Who can certainly be sent to the registry; of one that isn't known, who can be sent anywhere."""
    clients = table.policy.clients
    if match.registry.auth == Auth.UNKNOWN:
        return clients.able(Needed.CREDENTIALS)
    return clients.able(match.needed, ping_ends_there=_ping_leads_on(table, served_name))


def _ping_leads_on(table: Table, name: str) -> bool:
    """Whether docker's ping of the hostname is answered by its one registry (R11.3)."""
    used = list(_asking_registries(table, name).values())
    return len(used) == 1 and Strategy.BROKER not in used[0] and not _publishes(table, name)


def _token(host: str, request: Request) -> Decision:
    if request.method in (*READS, "POST"):
        return Token(host)
    return Refuse(405, "UNSUPPORTED", "ask for a token with GET or POST", allow="GET, POST")


def _ping_redirect(table: Table, key: str) -> Decision:
    compiled = table.registries.get(key)
    return _PING_OK if compiled is None else Redirect(f"{compiled.entry.origin}/v2/")

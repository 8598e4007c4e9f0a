"""The rows of the contract: for each line of docs/reference/request-handling.md, requests and what they get.

The same rows are put to `decide()` (test_contract.py) and to the middleware (tests/dataplane/test_contract_wire.py).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from routing.core import decisions
from routing.core.decide import Request
from routing.core.decisions import (
    Challenge,
    Control,
    Decision,
    Echo,
    Health,
    LocateBlob,
    Page,
    PageKind,
    Redirect,
    RedirectToHolder,
    Refuse,
    Relay,
    Token,
)
from routing.core.grammar.front_door import FrontDoor, ListedRepository
from routing.core.grammar.user_agents import Clients, parse_clients
from routing.core.table.former_target import FormerTarget
from routing.core.table.front_door import pack_front_door
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Auth, HostEntry, RegistryEntry, Table, TenantEntry
from routing.core.table.step import Step

ON = Flag.ENABLED
# Of former targets: decide() looks at no clock.
UNTIL = 2_000_000_000
DIGEST = "sha256:" + "0123456789abcdef" * 4
DOCKER = (
    r"docker/25.0.3 go/go1.21.6 git-commit/f417435 os/linux arch/amd64 UpstreamClient(Docker-Client/25.0.3 \(linux\))"
)
# With the containerd image store; at a ping and a login it says no more than DOCKER does.
DOCKERD = (
    "docker/29.2.1 go/go1.25.6 git-commit/6bc6209 kernel/6.8.0-101-generic os/linux arch/amd64 "
    r"containerd-client/2.2.1+unknown storage-driver/overlayfs UpstreamClient(Docker-Client/29.2.1 \(linux\))"
)
PODMAN = "containers/5.29.2 (github.com/containers/image)"
CONTAINERD = "containerd/2.1.9"
BUILDKIT = "buildkit/v0.23"
CRANE = "crane/0.21.8 go-containerregistry/0.21.8"
REGCTL = "regclient/regctl (v0.9.0)"

REGISTRIES = {
    "ghcr": RegistryEntry("https://ghcr.io", "ghcr.io", auth=Auth.BEARER),
    "hub": RegistryEntry("https://registry-1.docker.io", "docker.io", "library", auth=Auth.BEARER),
    "quay": RegistryEntry("https://quay.io", "quay.io", auth=Auth.BEARER),
    "mcr": RegistryEntry("https://mcr.microsoft.com", "mcr.microsoft.com", auth=Auth.NONE),
    "basic": RegistryEntry("https://basic.example:5000", "basic.example:5000", auth=Auth.BASIC),
    "new": RegistryEntry("https://new.example", "new.example", auth=Auth.UNKNOWN),
    # Its ping asks for nothing, some of its repositories do.
    "zot": RegistryEntry("https://zot.example", "zot.example", auth=Auth.NONE),
}
TENANTS = {
    "acme": TenantEntry("Acme"),
    "globex": TenantEntry("Globex", refusal="Globex has left the building"),
}
FRONT = FrontDoor(
    title="Images of Acme",
    link="https://acme.example/docs",
    repositories=(ListedRepository("acme/app", "https://acme.example/app"), ListedRepository("acme/tool")),
)
HOSTS = {
    **{
        f"{name}.acme.com": HostEntry("acme")
        for name in (
            *("docker", "hub", "open", "empty", "split", "renamed", "private", "shell", "shells", "mixed", "two"),
            *("brokered", "both", "only-off", "zot", "moved", "steps", "one-step", "two-steps"),
        )
    },
    "*.pull.acme.com": HostEntry("acme"),
    "own.pull.acme.com": HostEntry("acme"),
    "off.pull.acme.com": HostEntry("acme", enabled=False),
    "stopped.pull.acme.com": HostEntry("acme", refusal="proof of ownership has lapsed"),
    "*.off.acme.com": HostEntry("acme", enabled=False),
    "logins.acme.com": HostEntry("acme", login_registry="quay"),
    "off.acme.com": HostEntry("acme", enabled=False),
    "stopped.acme.com": HostEntry("acme", refusal="proof of ownership has lapsed"),
    "docker.globex.com": HostEntry("globex"),
    "front.acme.com": HostEntry("acme", front=pack_front_door(FRONT)),
    "led.acme.com": HostEntry("acme", front=pack_front_door(FRONT._replace(leads_on=True))),
    "badges.acme.com": HostEntry("acme", front=pack_front_door(FRONT), badges="rt"),
    "tested.acme.com": HostEntry("acme", front=pack_front_door(FRONT), badges="t"),
    "odd.acme.com": HostEntry("acme", front="of another release"),
    "[2001:db8::1]": HostEntry("acme"),
    "192.0.2.7": HostEntry("acme", enabled=False),
    "xn--bcher-kva.example": HostEntry("acme"),
}
MAPPINGS = {
    # One hostname with a mapping of every kind.
    "docker.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "docker.acme.com/acme/app": MappingEntry("quay", "acme/app", ON),
    "docker.acme.com/acme/off": MappingEntry("quay", "acme/off", 0),
    "docker.acme.com/tools": MappingEntry("ghcr", "acme-tools/public", ON),
    "docker.acme.com/secret": MappingEntry("ghcr", "secret", ON | Flag.PRIVATE),
    "docker.acme.com/dotnet": MappingEntry("mcr", "dotnet", ON),
    "docker.acme.com/net": MappingEntry("mcr", "dotnet", ON),
    "docker.acme.com/basic": MappingEntry("basic", "basic", ON),
    "docker.acme.com/new": MappingEntry("new", "new", ON),
    "docker.acme.com/plain": MappingEntry("ghcr", "plain", ON | Flag.REDIRECT_ONLY),
    "docker.acme.com/plain-basic": MappingEntry("basic", "other/name", ON | Flag.REDIRECT_ONLY),
    "docker.acme.com/push": MappingEntry("ghcr", "push", ON | Flag.ALLOW_PUSH),
    "docker.acme.com/push-open": MappingEntry("mcr", "push-open", ON | Flag.ALLOW_PUSH),
    "docker.acme.com/push-basic": MappingEntry("basic", "push-basic", ON | Flag.ALLOW_PUSH),
    "docker.acme.com/push-secret": MappingEntry("ghcr", "push-secret", ON | Flag.ALLOW_PUSH | Flag.PRIVATE),
    "docker.acme.com/push-new": MappingEntry("new", "push-new", ON | Flag.ALLOW_PUSH),
    "docker.acme.com/root": MappingEntry("ghcr", "", ON),
    "docker.acme.com/long": MappingEntry("ghcr", "a" * 200, ON),
    "docker.acme.com/tags": MappingEntry("ghcr", "tags", ON),
    "docker.acme.com/manifests": MappingEntry("ghcr", "manifests", ON),
    # Repointed a moment ago, and where from.
    "docker.acme.com/moved": MappingEntry("ghcr", "moved", ON, "", FormerTarget(UNTIL, "quay", "old").packed()),
    "docker.acme.com/moved-open": MappingEntry("mcr", "new", ON, "", FormerTarget(UNTIL, "ghcr", "old").packed()),
    "moved.acme.com/moved-plain": MappingEntry(
        "ghcr", "new", ON | Flag.REDIRECT_ONLY, "", FormerTarget(UNTIL, "basic", "moved-plain", True).packed()
    ),
    "moved.acme.com/moved-secret": MappingEntry(
        "mcr", "new", ON, "", FormerTarget(UNTIL, "ghcr", "moved-secret", True).packed()
    ),
    "moved.acme.com/moved-far": MappingEntry("mcr", "new", ON, "", FormerTarget(UNTIL, "gone", "old").packed()),
    "moved.acme.com/moved-long": MappingEntry("mcr", "new", ON, "", FormerTarget(UNTIL, "ghcr", "a" * 253).packed()),
    "moved.acme.com/moved-odd": MappingEntry("mcr", "new", ON, "", "of another release"),
    # On its way: part/app and part/web are among the share, part/a and part/b are not.
    "steps.acme.com/part": MappingEntry("ghcr", "part", ON, step=Step(3_000, UNTIL, "mcr", "new").packed()),
    "steps.acme.com/late": MappingEntry("ghcr", "late", ON, step=Step(10_000, 0, "mcr", "new").packed()),
    "steps.acme.com/far": MappingEntry("ghcr", "far", ON, step=Step(10_000, 0, "gone", "new").packed()),
    "steps.acme.com/odd": MappingEntry("ghcr", "odd", ON, step="of another release"),
    "steps.acme.com/secret": MappingEntry(
        "ghcr", "secret", ON | Flag.PRIVATE, step=Step(10_000, 0, "mcr", "new").packed()
    ),
    "steps.acme.com/push": MappingEntry(
        "ghcr", "push", ON | Flag.ALLOW_PUSH, step=Step(10_000, 0, "mcr", "new").packed()
    ),
    "one-step.acme.com/acme": MappingEntry("ghcr", "acme", ON, step=Step(1, 0, "mcr", "acme").packed()),
    "two-steps.acme.com/acme": MappingEntry("ghcr", "acme", ON, step=Step(1, 0, "quay", "acme").packed()),
    "docker.acme.com/zot": MappingEntry("zot", "zot", ON),
    "docker.acme.com/zot/secret": MappingEntry("zot", "zot/secret", ON | Flag.PRIVATE),
    "docker.acme.com/zot/basic": MappingEntry("zot", "zot/basic", ON | Flag.PRIVATE, "basic"),
    "docker.acme.com/zot/plain": MappingEntry("zot", "zot/plain", ON | Flag.PRIVATE | Flag.REDIRECT_ONLY, "basic"),
    "zot.acme.com/zot": MappingEntry("zot", "zot", ON),
    "zot.acme.com/secret": MappingEntry("zot", "secret", ON | Flag.PRIVATE, "bearer https://zot.example/token zot"),
    "hub.acme.com/": MappingEntry("hub", "", ON),
    # One hostname for every kind of ping.
    "open.acme.com/dotnet": MappingEntry("mcr", "dotnet", ON),
    "only-off.acme.com/acme": MappingEntry("ghcr", "acme", 0),
    "split.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "split.acme.com/dotnet": MappingEntry("mcr", "dotnet", ON),
    "split.acme.com/old": MappingEntry("quay", "old", 0),
    "renamed.acme.com/app": MappingEntry("ghcr", "acme/app", ON),
    "private.acme.com/acme": MappingEntry("ghcr", "acme", ON | Flag.PRIVATE),
    "private.acme.com/public": MappingEntry("ghcr", "public", ON),
    "shell.acme.com/acme": MappingEntry("ghcr", "acme", ON | Flag.REDIRECT_ONLY),
    "shell.acme.com/dotnet": MappingEntry("mcr", "dotnet", ON),
    "shells.acme.com/acme": MappingEntry("ghcr", "acme", ON | Flag.REDIRECT_ONLY),
    "shells.acme.com/tools": MappingEntry("quay", "tools", ON | Flag.REDIRECT_ONLY),
    "logins.acme.com/acme": MappingEntry("ghcr", "acme", ON | Flag.REDIRECT_ONLY),
    "logins.acme.com/tools": MappingEntry("quay", "tools", ON | Flag.REDIRECT_ONLY),
    "mixed.acme.com/acme": MappingEntry("ghcr", "acme", ON | Flag.REDIRECT_ONLY),
    "mixed.acme.com/tools": MappingEntry("ghcr", "tools", ON),
    "two.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "two.acme.com/tools": MappingEntry("quay", "tools", ON),
    "brokered.acme.com/acme": MappingEntry("basic", "acme", ON),
    "both.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "*.pull.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "own.pull.acme.com/acme": MappingEntry("quay", "acme", ON),
    "docker.globex.com/acme": MappingEntry("ghcr", "acme", ON),
    "stopped.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "off.acme.com/acme": MappingEntry("ghcr", "acme", ON),
    "[2001:db8::1]/acme": MappingEntry("ghcr", "acme", ON),
    "xn--bcher-kva.example/acme": MappingEntry("ghcr", "acme", ON),
}
CONTROL_HOSTS = frozenset({"admin.facade.example", "both.acme.com", "admin.pull.acme.com", "127.0.0.53"})


@cache
def build_table(clients: tuple[str, ...] = (), catch_all: str = "") -> Table:
    """The table that the rows are judged by, with `clients` for FACADE_CLIENTS, and what answers for all names."""
    policy = Policy(CONTROL_HOSTS, catch_all=catch_all)
    if clients:
        policy = policy._replace(clients=Clients(parse_clients(clients)))
    return Table.build(policy, 1, TENANTS.items(), REGISTRIES.items(), HOSTS.items(), MAPPINGS.items())


class RedirectsTo(NamedTuple):
    """307 to this URL."""

    location: str


class Refused(NamedTuple):
    """An error with this status and code; `says` is part of its message."""

    status: int
    code: str
    says: str = ""
    allow: str = ""


class PingOk(NamedTuple):
    """The 200 of a ping that asks for nothing."""


class Challenged(NamedTuple):
    """401 with the facade's own challenge for this scope."""

    scope: str = ""


class RedirectsToEither(NamedTuple):
    """307 to `location`, or to what the former target gives, whichever has it."""

    location: str
    former: RedirectsTo | Relayed | Resolved


class Relayed(NamedTuple):
    """The registry is asked for this URL, and its answer handed on; what is missing there may be at the former one."""

    url: str
    former: RedirectsTo | Relayed | Resolved | None = None


class Resolved(NamedTuple):
    """The registry is asked for this URL, and the Location that it answers handed on.

    `follows`: where the registry serves the blob itself, the client is sent there (None: the row doesn't say).
    """

    url: str
    follows: bool | None = None
    former: RedirectsTo | Relayed | Resolved | None = None


class Tokens(NamedTuple):
    """The token endpoint."""


class Checked(NamedTuple):
    """A health check is answered."""

    is_readiness: bool


class Shows(NamedTuple):
    """A page for people, with this status; `tenant` and `says` are what it tells, or where it sends them."""

    kind: PageKind
    status: int
    tenant: str = ""
    says: str = ""


class Echoes(NamedTuple):
    """The doctor's question is answered."""


class Django(NamedTuple):
    """Not the facade's: Django answers."""


Outcome = (
    RedirectsTo
    | RedirectsToEither
    | Refused
    | PingOk
    | Challenged
    | Relayed
    | Resolved
    | Tokens
    | Checked
    | Shows
    | Echoes
    | Django
)
# What can be answered without asking a registry.
ALONE = (RedirectsTo, Refused, PingOk, Challenged, Shows, Django)


class Row(NamedTuple):
    """One request, what it gets, and the lines of the page that say so."""

    lines: tuple[str, ...]
    request: Request
    outcome: Outcome
    clients: tuple[str, ...] = ()
    catch_all: str = ""

    @property
    def table(self) -> Table:
        """What it is judged by."""
        return build_table(self.clients, self.catch_all)

    @property
    def title(self) -> str:
        """The row's name in the test's report."""
        request = self.request
        target = f"{request.host or 'no-host'}{request.path}" + (f"?{request.query}" if request.query else "")
        agent = request.user_agent.partition("/")[0] + ("+token" if request.authorized else "")
        readable = "".join(char if "!" <= char <= "~" else f"<{ord(char):02x}>" for char in target)
        return f"{'+'.join(self.lines)}-{request.method}-{readable[:100]}-{agent}"


_WORDLESS: dict[type, Outcome] = {decisions.PingOk: PingOk(), Token: Tokens(), Echo: Echoes(), Control: Django()}


def outcome_of(decision: Decision) -> Outcome:
    """A decision in the contract's words."""
    if isinstance(decision, Page):
        title = decision.front.title if decision.kind is PageKind.FRONT else ""
        badge = decision.badge.path if decision.badge else ""
        told = decision.words or decision.location or badge or title
        about = told if decision.listed is None else decision.listed.name
        return Shows(decision.kind, decision.status, decision.tenant, about)
    match decision:
        case Redirect(location):
            return RedirectsTo(location)
        case Refuse(status, code, message, allow):
            return Refused(status, code, message, allow)
        case Challenge(_, scope):
            return Challenged(scope)
        case Relay():
            return Relayed(decision.url, _at_former(decision.former))
        case LocateBlob():
            return Resolved(decision.url, decision.reauthorises, _at_former(decision.former))
        case RedirectToHolder():
            former = _at_former(decision.former)
            assert former is not None
            return RedirectsToEither(decision.location, former)
        case Health(is_readiness):
            return Checked(is_readiness)
        case _:
            return _WORDLESS[type(decision)]


def _at_former(former: decisions.Former | None) -> RedirectsTo | Relayed | Resolved | None:
    if former is None:
        return None
    assert former.until == UNTIL
    found = outcome_of(former.decision)
    assert isinstance(found, RedirectsTo | Relayed | Resolved)
    return found


def agrees(seen: Outcome, expected: Outcome) -> bool:
    """Whether they are the same, where an expected message is a part of the one seen."""
    if isinstance(seen, Refused) and isinstance(expected, Refused):
        return seen._replace(says=expected.says) == expected and expected.says in seen.says
    if isinstance(seen, Shows) and isinstance(expected, Shows):
        says_it = expected.says in seen.says if expected.says else not seen.says
        return seen._replace(says=expected.says) == expected and says_it
    if isinstance(seen, Resolved) and isinstance(expected, Resolved) and expected.follows is None:
        return seen._replace(follows=None) == expected
    return seen == expected

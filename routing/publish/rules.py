"""What an engine can answer of a routing table by itself: rules of hosts, of prefixes and of clients.

Every rule is one that `decide()` follows for all requests that it is used for. Whatever isn't certain is the app's.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from routing.core.decide import Request, decide
from routing.core.decisions import Challenge, PingOk, Redirect, Refuse
from routing.core.grammar.hosts import is_wildcard, wildcard_above
from routing.core.grammar.user_agents import Ability
from routing.core.table.mapping_entry import Flag, decode
from routing.core.table.routing_table import Strategy, Table
from routing.publish.json_text import encoded_length
from routing.publish.remarks import Remark, Remarks, Why

#: A name that is longer is the app's: so no name grows beyond what the grammar allows by the prefixes below.
MAX_NAME_LENGTH, MAX_GROWTH = 223, 32
#: An engine looks one prefix up for each number of components that prefixes have.
MAX_DEPTH = 8
#: Of what a client is told, escaped: nginx reads no word of its configuration that has more than 4,096 characters.
MAX_MESSAGE_LENGTH = 3000


class Letter(StrEnum):
    """What a host, or a prefix of one, answers: one letter, which engines compare."""

    # Of a prefix.
    REDIRECT_ONLY = "r"
    OPEN = "o"
    SPLIT = "s"
    BROKER = "b"
    SWITCHED_OFF = "x"
    NOT_MAPPED = "n"
    # Of a ping.
    FINE = "k"
    LEADS = "l"
    LEADS_DOCKER = "d"
    CHALLENGES = "c"
    # Of a whole host.
    REFUSED = "F"
    NOT_SERVED = "N"
    APP = "a"


class HostRule(NamedTuple):
    """What answers for a host, by its stored name: a ping's letter, or that of the whole host.

    `text` is where a ping leads, or what clients are told where the host is refused or not served.
    """

    name: str
    letter: Letter
    text: str = ""

    @property
    def is_served(self) -> bool:
        """Whether its prefixes are looked at."""
        return self.letter not in (Letter.REFUSED, Letter.NOT_SERVED, Letter.APP)


class PrefixRule(NamedTuple):
    """What answers for the names below a prefix.

    `key` is the mapping's in the table. `depth` is the number of components of the prefix, `least` of those that a
    name must have beyond it; with fewer it is the app's. `base` is what stands before the rest of the name in the
    address that a redirect goes to; where the mapping is switched off, `/` and the prefix, or nothing.
    """

    key: str
    letter: Letter
    depth: int
    least: int
    base: str


class ClientRule(NamedTuple):
    """A product of `User-Agent`, in lower case, and the class of clients that name it (see `patterns`)."""

    product: str
    letter: str


class Rules(NamedTuple):
    """All that an engine needs. `remarks`: what it can't answer by itself, and for which mappings."""

    generation: int
    hosts: tuple[HostRule, ...]
    prefixes: tuple[PrefixRule, ...]
    clients: tuple[ClientRule, ...]
    remarks: tuple[Remark, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """The numbers of components that prefixes have, the fewest first."""
        return tuple(sorted({rule.depth for rule in self.prefixes}))


#: Classes of clients: docker's, others that authorise each hop, all others, and those that the app has to look at.
DOCKER, FOLLOWS, STAYS, UNCERTAIN = "d", "f", "n", "u"

_STRATEGIES = {
    Strategy.REDIRECT_ONLY: Letter.REDIRECT_ONLY,
    Strategy.OPEN: Letter.OPEN,
    Strategy.SPLIT: Letter.SPLIT,
    Strategy.BROKER: Letter.BROKER,
}


def rules_of(table: Table, hostnames: frozenset[str] = frozenset()) -> Rules:
    """The rules of a table; with `hostnames`, of those alone, by their stored names. In an order that stays."""
    remarks = Remarks()
    deep = _hosts_beyond(table)
    hosts = {rule.name: rule for rule in _hosts(table, hostnames, deep, remarks)}
    prefixes = tuple(sorted(_prefixes(table, hosts, remarks)))
    if table.policy.catch_all:
        remarks.add(Why.CATCH_ALL, table.policy.catch_all)
    clients = tuple(_clients(table, remarks))
    return Rules(table.generation, tuple(sorted(hosts.values())), prefixes, clients, remarks.all())


def _hosts(table: Table, only: frozenset[str], deep: frozenset[str], remarks: Remarks) -> Iterator[HostRule]:
    """Control hosts that aren't switched on as hostnames stand among them: no wildcard may answer for them."""
    agents = _sample_agents(table)
    for name, entry in table.hosts.items():
        if name == table.policy.catch_all:
            continue
        if only and name not in only:
            if wildcard_above(name) in only:
                yield HostRule(name, Letter.APP)
            continue
        if name in deep:
            remarks.add(Why.TOO_DEEP, name)
            yield HostRule(name, Letter.APP)
        elif not entry.enabled and name in table.policy.control_hosts:
            yield HostRule(name, Letter.APP)
        else:
            yield _host(table, name, agents, remarks)
    for name in table.policy.control_hosts:
        if table.hosts.get(name) is None:
            yield HostRule(name, Letter.APP)


def _host(table: Table, name: str, agents: tuple[str, str], remarks: Remarks) -> HostRule:
    """By what `decide()` says of its ping."""
    host = _sample_host(table, name)
    docker, others = (decide(table, Request("GET", host, "/v2/", user_agent=agent)) for agent in agents)
    match others:
        case PingOk():
            return HostRule(name, Letter.FINE)
        case Redirect(location):
            return HostRule(name, Letter.LEADS, location)
        case Challenge():
            if isinstance(docker, Redirect):
                return HostRule(name, Letter.LEADS_DOCKER, docker.location)
            return HostRule(name, Letter.CHALLENGES)
        case Refuse():
            return _refused(name, host, others, remarks)
    return HostRule(name, Letter.APP)


def _refused(name: str, host: str, decision: Refuse, remarks: Remarks) -> HostRule:
    if decision.status == 404:
        return HostRule(name, Letter.NOT_SERVED)
    if encoded_length(decision.message) > MAX_MESSAGE_LENGTH:
        remarks.add(Why.LONG_MESSAGE, name)
        return HostRule(name, Letter.APP)
    return HostRule(name, Letter.REFUSED, decision.message)


def _sample_host(table: Table, name: str) -> str:
    """A host that is answered for by a stored name: below a wildcard, one that has no name of its own."""
    if not is_wildcard(name):
        return name
    parent, number = name[2:], 0
    taken = table.policy.control_hosts
    while table.hosts.get(host := f"{number}.{parent}") is not None or host in taken:
        number += 1
    return host


def _sample_agents(table: Table) -> tuple[str, str]:
    """User-Agents of a client that is docker to a ping, "" where there is none, and of one that can't follow."""
    by_ability = {profile.ability: profile.sample for profile in reversed(table.policy.clients.profiles)}
    return by_ability.get(Ability.DOCKER_PING, ""), ""


def _hosts_beyond(table: Table) -> frozenset[str]:
    """Hosts with a prefix of more components than engines look up: a shorter one must not answer for it."""
    found = (key.partition("/") for key, _ in table.mappings.items())
    return frozenset(host for host, _, prefix in found if prefix.count("/") >= MAX_DEPTH)


def _prefixes(table: Table, hosts: dict[str, HostRule], remarks: Remarks) -> Iterator[PrefixRule]:
    for key, packed in table.mappings.items():
        host, _, prefix = key.partition("/")
        rule = hosts.get(host)
        if rule is not None and rule.is_served:
            yield _prefix(table, key, prefix, packed, remarks)


def _prefix(table: Table, key: str, prefix: str, packed: str, remarks: Remarks) -> PrefixRule:
    registry_key, upstream, flags, _, former, _, _, step = decode(prefix, packed)
    depth = prefix.count("/") + 1 if prefix else 0
    compiled = table.registries.get(registry_key)
    if compiled is None:
        # `match_repository` finds nothing then, and the name is said to be mapped nowhere.
        return PrefixRule(key, Letter.NOT_MAPPED, depth, 0, "")
    if not flags & Flag.ENABLED:
        return PrefixRule(key, Letter.SWITCHED_OFF, depth, 0, f"/{prefix}" if prefix else "")
    registry, strategies, _ = compiled
    namespace = registry.implicit_namespace
    renames = upstream != prefix
    private, redirect_only = bool(flags & Flag.PRIVATE), bool(flags & Flag.REDIRECT_ONLY)
    strategy = strategies[private + 2 * renames + 4 * redirect_only]
    base = f"{registry.origin}/v2/{upstream}" if upstream else f"{registry.origin}/v2"
    least = 0
    if not upstream:
        # By itself the prefix leads to no repository; with a namespace, neither does one component to its own name.
        least = (2 if namespace else 1) if prefix or namespace else 0
    elif namespace and "/" not in upstream:
        least = 1
    if least:
        remarks.add(Why.NAMESPACE if namespace else Why.ROOT, key)
    letter = _STRATEGIES[strategy]
    of_the_app = {
        # Until the end of that time, at which the table changes.
        Why.MOVED: bool(former),
        Why.IN_STEPS: bool(step),
        Why.PUBLISHED: bool(flags & Flag.PUBLISH),
        Why.LONG_NAMES: len(upstream) - len(prefix) > MAX_GROWTH,
    }
    for why in (why for why, is_so in of_the_app.items() if is_so):
        remarks.add(why, key)
        letter = Letter.APP
    if letter in (Letter.SPLIT, Letter.BROKER, Letter.OPEN):
        remarks.add({Letter.SPLIT: Why.SPLIT, Letter.BROKER: Why.BROKER, Letter.OPEN: Why.LISTS}[letter], key)
    if flags & Flag.ALLOW_PUSH:
        remarks.add(Why.PUSH, key)
    return PrefixRule(key, letter, depth, least, base)


def _clients(table: Table, remarks: Remarks) -> Iterator[ClientRule]:
    """In the order in which they are looked for. One that depends on its version is the app's."""
    seen = {""}
    for profile in table.policy.clients.profiles:
        if profile.product in seen:
            continue
        seen.add(profile.product)
        if profile.lowest or profile.highest:
            remarks.add(Why.VERSIONS, profile.shown)
            yield ClientRule(profile.product, UNCERTAIN)
        elif profile.ability is Ability.DOCKER_PING:
            yield ClientRule(profile.product, DOCKER)
        else:
            yield ClientRule(profile.product, STAYS if profile.ability is Ability.NOTHING else FOLLOWS)

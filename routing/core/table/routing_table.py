"""The immutable routing table that every worker holds whole, and how a change derives the next one.

Look-up costs one dict look-up per path component, whatever the table's size. A change to a registry or a tenant touches
one entry, however many mappings refer to it: mappings hold keys, not objects.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from routing.core.grammar.hosts import is_loopback, wildcard_above
from routing.core.grammar.user_agents import Needed
from routing.core.table.digest import Digest, layout_of
from routing.core.table.former_target import parse_former
from routing.core.table.host_registries import (
    EMPTY_UPSTREAM_PREFIX,
    NAME_DIFFERS,
    HostRegistries,
    HostRegistriesBuilder,
    mapping_classes,
    mapping_classes_of,
    with_count,
)
from routing.core.table.mapping_entry import OF_THE_TARGET, Flag, MappingEntry, decode, encode, entry_at_step
from routing.core.table.policy import Policy
from routing.core.table.sharded_map import ShardedMap


class Auth(StrEnum):
    """What a registry asks for before it lets anybody read."""

    UNKNOWN = "unknown"
    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class Strategy(StrEnum):
    """How a mapping's requests are answered; see docs/reference/request-handling.md."""

    OPEN = "open"
    SPLIT = "split"
    BROKER = "broker"
    REDIRECT_ONLY = "redirect-only"
    PUBLISH = "publish"


class TenantEntry(NamedTuple):
    """A tenant as the data plane sees it. `refusal` is what its clients are told while it is suspended, else empty."""

    name: str
    refusal: str = ""


class RegistryEntry(NamedTuple):
    """A backing registry. `origin` is scheme://host[:port], with no path; redirects go there and nowhere else.

    `account` is the operator's there, sealed (registries/auth/accounts.py); empty where there is none. Nothing is
    decided by it.
    """

    origin: str
    name: str
    implicit_namespace: str = ""
    auth: str = Auth.UNKNOWN
    realm: str = ""
    service: str = ""
    stream_blobs: bool = False
    account: str = ""

    def upstream_name(self, name: str) -> str:
        """The repository's name in the registry's own terms: Docker Hub keeps `alpine` at `library/alpine`."""
        if self.implicit_namespace and "/" not in name:
            return f"{self.implicit_namespace}/{name}"
        return name

    def asking(self, challenge: str) -> "RegistryEntry":
        """The registry as those of its repositories know it that ask for credentials, where its ping asks for none.

        zot, Nexus and Artifactory are such where some of their repositories are for everybody. `challenge` is that of
        `MappingEntry`; where it is empty, what they ask for is found out at the first token.
        """
        auth, _, rest = challenge.partition(" ")
        realm, _, service = rest.partition(" ")
        return self._replace(auth=auth or Auth.UNKNOWN.value, realm=realm, service=service)


class HostEntry(NamedTuple):
    """A hostname that is served. `refusal` is what clients are told while it is suspended, else empty.

    `front` is what its tenant wrote for people who open it in a browser, packed (front_door.py); few have any.
    `badges` are the signs of those kinds that it shows to everybody (grammar/badges.py).
    """

    tenant: str
    enabled: bool = True
    login_registry: str = ""
    refusal: str = ""
    front: str = ""
    badges: str = ""


#: Of the digests of this release's tables.
DIGEST_LAYOUT = layout_of(TenantEntry, RegistryEntry, HostEntry, MappingEntry)


class Match(NamedTuple):
    """The mapping that a repository name falls under, and that name at the registry.

    `needed` is what a client has to bring along that is sent to the registry. `former` is the mapping's former target,
    packed, and `notice` its word to those who pull; both empty where it has none. The registry of one that is published
    has the mapping's account, and never its own.
    """

    prefix: str
    flags: int
    registry_key: str
    registry: RegistryEntry
    upstream_name: str
    strategy: Strategy
    needed: Needed
    former: str = ""
    notice: str = ""


# Does what a NamedTuple's own constructor does, in half the time; worth it where every request passes.
_new = tuple.__new__


class Change(NamedTuple):
    """One entry as it is from `generation` on; `entry` is None once it is gone. `nonce` is this change's alone."""

    generation: int
    kind: str
    key: str
    entry: dict[str, Any] | None
    nonce: int | None = None


class State(NamedTuple):
    """Which state of the database a table is of.

    A generation alone does not say it: a database that was put back counts on from there, with other changes. `nonce`
    is that of the change that led here; None where the log does not have it, or there was none yet.
    """

    generation: int
    nonce: int | None


class InvalidChange(ValueError):
    """A change that no table can take in; a full load is needed."""


class CompiledRegistry(NamedTuple):
    """A registry with the strategy of each kind of mapping onto it, so that no request works it out.

    `needed` is what clients have to bring there: for public mappings, and for private ones.
    """

    entry: RegistryEntry
    strategies: tuple[Strategy, ...]
    needed: tuple[Needed, Needed]


def strategy_of(auth: str, *, private: bool, name_differs: bool, redirect_only: bool) -> Strategy:
    """The strategy of a mapping onto a registry that asks for `auth`."""
    if redirect_only:
        return Strategy.REDIRECT_ONLY
    if auth == Auth.NONE and not private:
        return Strategy.OPEN
    if auth == Auth.BASIC or private or name_differs:
        return Strategy.BROKER
    return Strategy.SPLIT


def needed_at(auth: str, *, private: bool) -> Needed:
    """What a client has to bring to a registry that asks for `auth`. One that isn't known counts as Bearer."""
    if private or auth == Auth.BASIC:
        return Needed.CREDENTIALS
    return Needed.NOTHING if auth == Auth.NONE else Needed.ANY_TOKEN


def compile_registry(entry: RegistryEntry) -> CompiledRegistry:
    """Work out every strategy once; the index is private + 2·name_differs + 4·redirect_only."""
    return CompiledRegistry(
        entry,
        tuple(
            strategy_of(
                entry.auth, private=bool(index & 1), name_differs=bool(index & 2), redirect_only=bool(index & 4)
            )
            for index in range(8)
        ),
        (needed_at(entry.auth, private=False), needed_at(entry.auth, private=True)),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that `decide()` looks at. Never changed: `apply` gives the next table."""

    policy: Policy
    generation: int = 0
    tenants: ShardedMap[TenantEntry] = field(default_factory=ShardedMap)
    registries: ShardedMap[CompiledRegistry] = field(default_factory=ShardedMap)
    hosts: ShardedMap[HostEntry] = field(default_factory=ShardedMap)
    # Packed, see mappings.py.
    mappings: ShardedMap[str] = field(default_factory=ShardedMap)
    host_registries: ShardedMap[HostRegistries] = field(default_factory=ShardedMap)
    nonce: int | None = None
    digest: int = 0

    @property
    def state(self) -> State:
        """Which state of the database this is."""
        return State(self.generation, self.nonce)

    @classmethod
    def build(
        cls,
        policy: Policy,
        generation: int,
        tenants: Iterable[tuple[str, TenantEntry]],
        registries: Iterable[tuple[str, RegistryEntry]],
        hosts: Iterable[tuple[str, HostEntry]],
        mappings: Iterable[tuple[str, MappingEntry]],
        expected_mappings: int = 0,
        expected_hosts: int = 0,
        nonce: int | None = None,
    ) -> "Table":
        """Build from entries; `mappings` may be a stream."""
        digest = Digest()
        tenants_map = ShardedMap(digest.over("tenant", tenants))
        compiled = ShardedMap((key, compile_registry(entry)) for key, entry in digest.over("registry", registries))
        hosts_map = ShardedMap(digest.over("hostname", _share_equal_entries(hosts)), expected_size=expected_hosts)
        host_registries = HostRegistriesBuilder()

        def packed() -> Iterable[tuple[str, str]]:
            for key, entry in mappings:
                host, _, prefix = key.partition("/")
                value = encode(prefix, entry)
                host_registries.add(host, mapping_classes_of(prefix, value))
                yield key, value

        packed_map = ShardedMap(digest.over("mapping", packed()), expected_size=expected_mappings)
        usages_map = ShardedMap(host_registries.host_registries.items(), expected_size=expected_hosts)
        return cls(policy, generation, tenants_map, compiled, hosts_map, packed_map, usages_map, nonce, digest.value)

    def match_host(self, host: str) -> tuple[str, HostEntry | None]:
        """The stored name that answers for a normalised host, and its entry.

        It is the name itself, else a wildcard above, else what answers for all names. Control hosts are answered for by
        neither, but for those of this machine, whose clients would otherwise find nothing there.
        """
        name, entry = self.match_own_host(host)
        if entry is None and (catch_all := self.policy.catch_all):
            entry = self.hosts.get(catch_all)
            if entry is not None and (host not in self.policy.control_hosts or is_loopback(host)):
                return catch_all, entry
            return host, None
        return name, entry

    def match_own_host(self, host: str) -> tuple[str, HostEntry | None]:
        """The same by the name itself and by wildcards alone: whether a host is known to be one of this facade's.

        A name that is there goes before a wildcard even where it is switched off. Control hosts have no wildcard.
        """
        entry = self.hosts.get(host)
        if entry is None and host not in self.policy.control_hosts:
            wildcard = wildcard_above(host)
            entry = self.hosts.get(wildcard)
            if entry is not None:
                return wildcard, entry
        return host, entry

    def match_repository(self, host: str, name: str) -> Match | None:
        """The longest prefix of the name, in whole components, that the hostname maps. No prefix is the last try."""
        prefix = name
        get = self.mappings.get
        packed = get(f"{host}/{prefix}")
        while packed is None:
            if not prefix:
                return None
            prefix = prefix.rpartition("/")[0]
            packed = get(f"{host}/{prefix}")
        return self._match(prefix, name, decode(prefix, packed))

    def former_match(self, match: Match, name: str) -> tuple[int, Match | None]:
        """Where the same name led before the mapping was repointed, and until when that counts, in seconds since 1970.

        None where it isn't known, or is no longer in the table. The mapping's other switches are those of now.
        """
        former = parse_former(match.former)
        if former is None:
            return 0, None
        flags = match.flags & ~OF_THE_TARGET | (Flag.PRIVATE.value if former.private else 0)
        entry = MappingEntry(former.registry, former.upstream_prefix, flags, former.challenge, "", match.notice)
        return former.until, self._match(match.prefix, name, entry)

    def _match(self, prefix: str, name: str, entry: MappingEntry) -> Match | None:
        registry_key, upstream_prefix, flags, challenge, former, notice, account, step = entry
        if step:
            there = entry_at_step(entry, name)
            if there is not None and self.registries.get(there.registry) is not None:
                return self._match(prefix, name, there)
        compiled = self.registries.get(registry_key)
        if compiled is None:
            return None
        registry, strategies, needed = compiled
        rest = name[len(prefix) :] if prefix else f"/{name}"
        upstream = (upstream_prefix + rest).lstrip("/")
        if registry.implicit_namespace:
            upstream = registry.upstream_name(upstream) if upstream else upstream
        if flags & 68 and registry.auth == Auth.NONE:
            registry = registry.asking(challenge)
        private = (flags & 4) >> 2
        index = private | (flags & 8) >> 1 | (2 if upstream != name else 0)
        way, bring = strategies[index], needed[private]
        if flags & 64:
            registry, way = registry._replace(account=account), Strategy.PUBLISH
        return _new(Match, (prefix, flags, registry_key, registry, upstream, way, bring, former, notice))

    def used_registries(self, host: str) -> dict[str, set[Strategy]]:
        """The registries that the hostname's enabled mappings lead to, each with the strategies that lead there."""
        used: dict[str, set[Strategy]] = {}
        for key, flags, _ in mapping_classes(self.host_registries.get(host) or ()):
            compiled = self.registries.get(key)
            if compiled is None or not flags & Flag.ENABLED:
                continue
            renames = bool(flags & NAME_DIFFERS) or self._may_rename(compiled.entry, flags)
            index = bool(flags & Flag.PRIVATE) + 2 * renames + 4 * bool(flags & Flag.REDIRECT_ONLY)
            way = Strategy.PUBLISH if flags & Flag.PUBLISH else compiled.strategies[index]
            used.setdefault(key, set()).add(way)
        return used

    def login_challenge(self, host: str, key: str) -> str:
        """What some mapping's repositories ask for at a registry whose ping asks for nothing: a login is tried with it.

        As `MappingEntry.challenge`; empty where none is known.
        """
        used = mapping_classes(self.host_registries.get(host) or ())
        return next((kind.challenge for kind in used if kind.registry == key and kind.challenge), "")

    @staticmethod
    def _may_rename(registry: RegistryEntry, flags: int) -> bool:
        # A hostname mapped whole onto Docker Hub has one-component names, which Docker Hub keeps elsewhere.
        return bool(registry.implicit_namespace) and bool(flags & EMPTY_UPSTREAM_PREFIX)

    def apply(self, changes: Iterable[Change], trail: dict[State, int] | None = None) -> "Table":
        """The table after the changes, in their order. `trail` gets the digest of each state on the way.

        Raises InvalidChange for a change that it doesn't know.
        """
        generation, nonce = self.state
        maps = maps_of(self)
        by_kind: dict[str, dict[str, Any]] = {kind: {} for kind in maps}
        digest = Digest(self.digest)
        for change in changes:
            generation, nonce = change.generation, change.nonce
            try:
                entry = None if change.entry is None else _ENTRY[change.kind](change.key, change.entry)
                written = by_kind[change.kind]
                before = written[change.key] if change.key in written else maps[change.kind].get(change.key)
                digest.replace(change.kind, change.key, _fields_of(before), _fields_of(entry))
                written[change.key] = entry
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidChange(f"generation {generation}: unknown change {change.kind} {change.key}") from error
            if trail is not None:
                trail[State(generation, nonce)] = digest.value
        host_registries: dict[str, HostRegistries | None] = {}
        for key, packed in by_kind["mapping"].items():
            host, _, prefix = key.partition("/")
            usage = (host_registries[host] if host in host_registries else self.host_registries.get(host)) or ()
            for value, step in ((self.mappings.get(key), -1), (packed, 1)):
                for kind in () if value is None else mapping_classes_of(prefix, value):
                    usage = with_count(usage, kind, step)
            host_registries[host] = usage or None
        return Table(
            self.policy,
            generation,
            self.tenants.replace(by_kind["tenant"]),
            self.registries.replace(by_kind["registry"]),
            self.hosts.replace(by_kind["hostname"]),
            self.mappings.replace(by_kind["mapping"]),
            self.host_registries.replace(host_registries),
            nonce,
            digest.value,
        )


def digest_of(table: Table) -> int:
    """The table's digest, worked out from all its entries."""
    digest = Digest()
    for kind, entries in maps_of(table).items():
        digest.add(kind, ((key, _fields_of(entry)) for key, entry in entries.items()))
    return digest.value


def maps_of(table: Table) -> dict[str, ShardedMap[Any]]:
    """What a table consists of, by the kinds of changes."""
    return {"tenant": table.tenants, "registry": table.registries, "hostname": table.hosts, "mapping": table.mappings}


def _fields_of(entry: Any) -> Any:
    """What the digest is of, of something that a table holds."""
    return entry.entry if isinstance(entry, CompiledRegistry) else entry


def _share_equal_entries(hosts: Iterable[tuple[str, HostEntry]]) -> Iterable[tuple[str, HostEntry]]:
    """The same, with one object for all hostnames of a tenant that have nothing of their own."""
    same: dict[HostEntry, HostEntry] = {}
    for name, entry in hosts:
        yield name, same.setdefault(entry, entry)


# From an entry's key and fields to what the table holds.
_ENTRY: Mapping[str, Callable[[str, dict[str, Any]], Any]] = {
    "tenant": lambda _, fields: TenantEntry(**fields),
    "registry": lambda _, fields: compile_registry(RegistryEntry(**fields)),
    "hostname": lambda _, fields: HostEntry(**fields),
    "mapping": lambda key, fields: encode(key.partition("/")[2], MappingEntry(**fields)),
}

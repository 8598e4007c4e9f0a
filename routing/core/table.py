"""The immutable routing table that every worker holds whole, and how a change derives the next one.

Imports only this package. Look-up costs one dict look-up per path component, whatever the table's size. A change to a
registry or a tenant touches one entry, however many mappings refer to it: mappings hold keys, not objects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Any, NamedTuple

from routing.core.hosts import wildcard_above
from routing.core.policy import Policy
from routing.core.sharded import ShardedMap


class Auth(StrEnum):
    """What a registry asks for before it lets anybody read."""

    UNKNOWN = "unknown"
    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class Strategy(StrEnum):
    """How a mapping's requests are answered; see docs/request-handling.md."""

    OPEN = "open"
    SPLIT = "split"
    BROKER = "broker"
    SHELL = "shell"


class Flag(IntFlag):
    """What a mapping says of itself, packed, so that a mapping stays small."""

    ENABLED = 1
    ALLOW_PUSH = 2
    PRIVATE = 4
    SHELL = 8
    # Worked out, never stored: some name under this mapping has another name at the registry.
    RENAMES = 16


class TenantEntry(NamedTuple):
    """A tenant as the data plane sees it. `refusal` is what its clients are told while it is suspended, else empty."""

    name: str
    refusal: str = ""


class RegistryEntry(NamedTuple):
    """A backing registry. `origin` is scheme://host[:port], with no path; redirects go there and nowhere else."""

    origin: str
    name: str
    single_component_prefix: str = ""
    auth: str = Auth.UNKNOWN
    realm: str = ""
    service: str = ""
    stream_blobs: bool = False

    def upstream_name(self, name: str) -> str:
        """The repository's name in the registry's own terms: Docker Hub keeps `alpine` at `library/alpine`."""
        if self.single_component_prefix and "/" not in name:
            return f"{self.single_component_prefix}/{name}"
        return name


class HostEntry(NamedTuple):
    """A hostname that is served. `refusal` is what clients are told while it is suspended, else empty."""

    tenant: str
    enabled: bool = True
    login_registry: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """Where one prefix of one hostname leads. Slots, and keys shared with the registries': a million of these fit."""

    registry: str
    upstream_prefix: str
    flags: int


class Match(NamedTuple):
    """The mapping that a repository name falls under, and that name at the registry."""

    prefix: str
    mapping: MappingEntry
    registry: RegistryEntry
    upstream_name: str
    strategy: Strategy


# Does what a NamedTuple's own constructor does, in half the time; worth it where every request passes.
_new = tuple.__new__


class Change(NamedTuple):
    """One entry as it is from `generation` on; `entry` is None once it is gone."""

    generation: int
    kind: str
    key: str
    entry: dict[str, Any] | None


class TableInvalid(ValueError):
    """A change that no table can take in; a full load is needed."""


# (registry key, flags) → how many mappings of the hostname are so: what a ping has to know.
Usage = tuple[tuple[tuple[str, int], int], ...]


class CompiledRegistry(NamedTuple):
    """A registry with the strategy of each kind of mapping onto it, so that no request works it out."""

    entry: RegistryEntry
    strategies: tuple[Strategy, ...]


def strategy_of(auth: str, *, private: bool, renamed: bool, shell: bool) -> Strategy:
    """The strategy of a mapping onto a registry that asks for `auth`."""
    if shell:
        return Strategy.SHELL
    if auth == Auth.NONE:
        return Strategy.OPEN
    if auth == Auth.BASIC or private or renamed:
        return Strategy.BROKER
    return Strategy.SPLIT


def compile_registry(entry: RegistryEntry) -> CompiledRegistry:
    """Work out every strategy once; the index is private + 2·renamed + 4·shell."""
    return CompiledRegistry(
        entry,
        tuple(
            strategy_of(entry.auth, private=bool(index & 1), renamed=bool(index & 2), shell=bool(index & 4))
            for index in range(8)
        ),
    )


def mapping_key(host: str, prefix: str) -> str:
    """The key of a mapping; a hostname holds no slash, so that it can't be mistaken."""
    return f"{host}/{prefix}"


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that `decide()` looks at. Never changed: `apply` gives the next table."""

    policy: Policy
    generation: int = 0
    tenants: ShardedMap[TenantEntry] = field(default_factory=ShardedMap)
    registries: ShardedMap[CompiledRegistry] = field(default_factory=ShardedMap)
    hosts: ShardedMap[HostEntry] = field(default_factory=ShardedMap)
    mappings: ShardedMap[MappingEntry] = field(default_factory=ShardedMap)
    usages: ShardedMap[Usage] = field(default_factory=ShardedMap)

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
    ) -> "Table":
        """Build from entries; `mappings` may be a stream."""
        compiled = ShardedMap((key, compile_registry(entry)) for key, entry in registries)
        hosts_map = ShardedMap(hosts, expected_size=expected_hosts)
        usage = _UsageCounter({})
        mappings_map = ShardedMap(usage.counted(mappings), expected_size=expected_mappings)
        usages = ShardedMap(usage.frozen(), expected_size=expected_hosts)
        return cls(policy, generation, ShardedMap(tenants), compiled, hosts_map, mappings_map, usages)

    def serving(self, host: str) -> tuple[str, HostEntry | None]:
        """The stored name that answers for a normalised host, and its entry: the name itself, else a wildcard above.

        A name that is there goes before a wildcard even where it is switched off. Control hosts have no wildcard.
        """
        entry = self.hosts.get(host)
        if entry is None and host not in self.policy.control_hosts:
            wildcard = wildcard_above(host)
            entry = self.hosts.get(wildcard)
            if entry is not None:
                return wildcard, entry
        return host, entry

    def find(self, host: str, name: str) -> Match | None:
        """The longest prefix of the name, in whole components, that the hostname maps. No prefix is the last try."""
        prefix = name
        get = self.mappings.get
        mapping = get(f"{host}/{prefix}")
        while mapping is None:
            if not prefix:
                return None
            prefix = prefix.rpartition("/")[0]
            mapping = get(f"{host}/{prefix}")
        compiled = self.registries.get(mapping.registry)
        if compiled is None:
            return None
        registry, strategies = compiled
        rest = name[len(prefix) :] if prefix else f"/{name}"
        upstream = (mapping.upstream_prefix + rest).lstrip("/")
        if registry.single_component_prefix:
            upstream = registry.upstream_name(upstream) if upstream else upstream
        flags = mapping.flags
        index = (flags & 4) >> 2 | (flags & 8) >> 1 | (2 if upstream != name else 0)
        return _new(Match, (prefix, mapping, registry, upstream, strategies[index]))

    def used_registries(self, host: str) -> dict[str, set[Strategy]]:
        """The registries that the hostname's enabled mappings lead to, each with the strategies that lead there."""
        used: dict[str, set[Strategy]] = {}
        for (key, flags), _count in self.usages.get(host) or ():
            compiled = self.registries.get(key)
            if compiled is None or not flags & Flag.ENABLED:
                continue
            renames = bool(flags & Flag.RENAMES) or self._may_rename(compiled.entry, flags)
            index = bool(flags & Flag.PRIVATE) + 2 * renames + 4 * bool(flags & Flag.SHELL)
            used.setdefault(key, set()).add(compiled.strategies[index])
        return used

    @staticmethod
    def _may_rename(registry: RegistryEntry, flags: int) -> bool:
        # A hostname mapped whole onto Docker Hub has one-component names, which Docker Hub keeps elsewhere.
        return bool(registry.single_component_prefix) and bool(flags & _WHOLE)

    def apply(self, changes: Iterable[Change]) -> "Table":
        """The table after the changes, in their order. Raises TableInvalid for a change that it doesn't know."""
        generation = self.generation
        by_kind: dict[str, dict[str, Any]] = {"tenant": {}, "registry": {}, "hostname": {}, "mapping": {}}
        for change in changes:
            generation = change.generation
            try:
                by_kind[change.kind][change.key] = _ENTRY[change.kind](change.entry)
            except (KeyError, TypeError) as error:
                raise TableInvalid(f"generation {generation}: unknown change {change.kind} {change.key}") from error
        counter = _UsageCounter(self.usages)
        for key, entry in by_kind["mapping"].items():
            counter.change(key, self.mappings.get(key), entry)
        return Table(
            self.policy,
            generation,
            self.tenants.replace(by_kind["tenant"]),
            self.registries.replace(by_kind["registry"]),
            self.hosts.replace(by_kind["hostname"]),
            self.mappings.replace(by_kind["mapping"]),
            self.usages.replace(dict(counter.frozen_or_none())),
        )


# Beside Flag.RENAMES in a usage's flags: the mapping's upstream prefix is empty.
_WHOLE = 32

_ENTRY: Mapping[str, Any] = {
    "tenant": lambda entry: None if entry is None else TenantEntry(**entry),
    "registry": lambda entry: None if entry is None else compile_registry(RegistryEntry(**entry)),
    "hostname": lambda entry: None if entry is None else HostEntry(**entry),
    "mapping": lambda entry: None if entry is None else MappingEntry(**entry),
}


class _UsageCounter:
    """Counts, by hostname, the kinds of mapping that lead to each registry, from where the last table left off."""

    def __init__(self, base: ShardedMap[Usage] | dict[str, Usage]) -> None:
        self._base = base
        self._counts: dict[str, dict[tuple[str, int], int]] = {}

    def counted(self, mappings: Iterable[tuple[str, MappingEntry]]) -> Iterable[tuple[str, MappingEntry]]:
        for key, entry in mappings:
            self._add(key, entry, 1)
            yield key, entry

    def change(self, key: str, old: MappingEntry | None, new: MappingEntry | None) -> None:
        if old is not None:
            self._add(key, old, -1)
        if new is not None:
            self._add(key, new, 1)

    def _add(self, key: str, entry: MappingEntry, step: int) -> None:
        host, _, prefix = key.partition("/")
        counts = self._counts.get(host)
        if counts is None:
            counts = self._counts[host] = dict(self._base.get(host) or ())
        flags = int(entry.flags)
        if entry.upstream_prefix != prefix:
            flags |= 16
        if not entry.upstream_prefix:
            flags |= _WHOLE
        kind = (entry.registry, flags)
        counts[kind] = counts.get(kind, 0) + step
        if counts[kind] <= 0:
            del counts[kind]

    def frozen(self) -> Iterable[tuple[str, Usage]]:
        # Most hostnames look alike ("one mapping onto ghcr.io"), so equal usages are one object.
        same: dict[Usage, Usage] = {}
        for host, counts in self._counts.items():
            usage = tuple(sorted(counts.items()))
            yield host, same.setdefault(usage, usage)

    def frozen_or_none(self) -> Iterable[tuple[str, Usage | None]]:
        for host, usage in self.frozen():
            yield host, usage or None

"""What the mappings of a hostname lead to, by kinds of mapping: a ping has to know it without looking at each one.

Kept beside the table and carried on from change to change.
"""

from collections.abc import Iterable
from typing import NamedTuple

from routing.core.table.mapping_entry import Flag, MappingEntry, decode, encode, entry_at_step

# In a kind: some name has another name at the registry; and, beside a mapping's flags, the upstream prefix is empty.
NAME_DIFFERS, EMPTY_UPSTREAM_PREFIX = Flag.NAME_DIFFERS.value, 32

# How many of the hostname's mappings are of each kind, in the kinds' order. A kind is packed as a mapping is.
HostRegistries = tuple[tuple[str, int], ...]
_MAX_KNOWN = 100_000


class MappingClass(NamedTuple):
    """Mappings that a ping and a login can't tell apart. `flags` are the mapping's, and those above."""

    registry: str
    flags: int
    challenge: str


def mapping_classes_of(prefix: str, packed: str) -> tuple[str, ...]:
    """The kinds of a packed mapping, packed: one, and while it is repointed step by step that of where it will lead."""
    if prefix and "/" not in packed:
        return (packed,)
    entry = decode(prefix, packed)
    there = entry_at_step(entry) if entry.step else None
    own = _class_of(prefix, entry)
    return (own,) if there is None else (own, _class_of(prefix, there))


def _class_of(prefix: str, entry: MappingEntry) -> str:
    registry, upstream_prefix, flags, challenge = entry[:4]
    if upstream_prefix != prefix:
        flags |= NAME_DIFFERS
    if not upstream_prefix:
        flags |= EMPTY_UPSTREAM_PREFIX
    return encode("", MappingEntry(registry, "", flags, challenge))


def mapping_classes(usage: HostRegistries) -> Iterable[MappingClass]:
    """The kinds that occur."""
    for packed, _ in usage:
        registry, _, flags, challenge = decode("", packed)[:4]
        yield MappingClass(registry, flags, challenge)


def with_count(usage: HostRegistries, kind: str, step: int) -> HostRegistries:
    """The usage with so many mappings of a kind more, or less."""
    counts = dict(usage)
    counts[kind] = counts.get(kind, 0) + step
    return tuple(sorted(item for item in counts.items() if item[1] > 0))


class HostRegistriesBuilder:
    """Counts the mappings of many hostnames.

    Most hostnames look alike ("one mapping onto ghcr.io"), so what follows from what is looked up, and equal usages
    are one object.
    """

    def __init__(self) -> None:
        self.host_registries: dict[str, HostRegistries] = {}
        self._next: dict[tuple[HostRegistries, str], HostRegistries] = {}

    def add(self, host: str, kinds: Iterable[str]) -> None:
        """One mapping more, of these kinds."""
        for kind in kinds:
            step = (self.host_registries.get(host, ()), kind)
            usage = self._next.get(step)
            if usage is None:
                if len(self._next) >= _MAX_KNOWN:
                    self._next.clear()
                usage = self._next[step] = with_count(*step, 1)
            self.host_registries[host] = usage

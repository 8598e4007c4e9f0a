"""What the mappings of a hostname lead to, by kinds of mapping: a ping has to know it without looking at each one.

Imports only mappings. Kept beside the table and carried on from change to change.
"""

from collections.abc import Iterable
from typing import NamedTuple

from routing.core.table.mapping_entry import Flag, MappingEntry, pack, unpack

# In a kind: some name has another name at the registry; and, beside a mapping's flags, the upstream prefix is empty.
RENAMES, WHOLE = Flag.RENAMES.value, 32

# How many of the hostname's mappings are of each kind, in the kinds' order. A kind is packed as a mapping is.
Usage = tuple[tuple[str, int], ...]
_MAX_KNOWN = 100_000


class Kind(NamedTuple):
    """Mappings that a ping can't tell apart. `flags` are the mapping's, and those above."""

    registry: str
    flags: int


def kind_of(prefix: str, packed: str) -> str:
    """The kind of a packed mapping, packed."""
    if prefix and "/" not in packed:
        return packed
    registry, upstream_prefix, flags = unpack(prefix, packed)
    if upstream_prefix != prefix:
        flags |= RENAMES
    if not upstream_prefix:
        flags |= WHOLE
    return pack("", MappingEntry(registry, "", flags))


def kinds(usage: Usage) -> Iterable[Kind]:
    """The kinds that occur."""
    for packed, _ in usage:
        registry, _, flags = unpack("", packed)
        yield Kind(registry, flags)


def counted(usage: Usage, kind: str, step: int) -> Usage:
    """The usage with so many mappings of a kind more, or less."""
    counts = dict(usage)
    counts[kind] = counts.get(kind, 0) + step
    return tuple(sorted(item for item in counts.items() if item[1] > 0))


class UsageCounter:
    """Counts the mappings of many hostnames.

    Most hostnames look alike ("one mapping onto ghcr.io"), so what follows from what is looked up, and equal usages
    are one object.
    """

    def __init__(self) -> None:
        self.usages: dict[str, Usage] = {}
        self._next: dict[tuple[Usage, str], Usage] = {}

    def add(self, host: str, kind: str) -> None:
        """One mapping more."""
        step = (self.usages.get(host, ()), kind)
        usage = self._next.get(step)
        if usage is None:
            if len(self._next) >= _MAX_KNOWN:
                self._next.clear()
            usage = self._next[step] = counted(*step, 1)
        self.usages[host] = usage

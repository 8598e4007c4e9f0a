"""A persistent map: a change gives a new map and leaves the old one whole, at a cost that hardly grows with its size.

A tuple of small dicts, chosen by hash: look-up is two index operations and one dict look-up; a change copies the shards
that it touches and the tuple of references.

A large map is left as it is, and what has changed since stands in a second one beside it. For processes that are forked
share its memory page by page, until one of them writes there; and to copy a shard writes to each of its entries, whose
references are counted where they lie, on as many pages.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

V = TypeVar("V")
Shards = tuple[dict[str, Any], ...]

_ENTRIES_A_SHARD = 256
_MIN_SHARDS = 16
_MAX_SHARDS = 1 << 16
# Above this many entries a shard on average, a small map becomes a large one.
_RESHARD_ABOVE = 4 * _ENTRIES_A_SHARD
# When this part of a large map has changed, all is laid out anew: rare, and amortised over the changes that led to it.
_CHANGED_PART = 4
# In the place of an entry that was removed.
_REMOVED: Any = object()


class ShardedMap(Generic[V]):
    """An immutable map from str to V. Safe to read from any thread while others derive new maps from it."""

    __slots__ = ("_changed", "_count", "_mask", "_shards", "_size")

    def __init__(self, entries: Iterable[tuple[str, V]] = (), expected_size: int = 0) -> None:
        """Build from (key, value) pairs; a later pair wins. `expected_size` chooses the number of shards."""
        count = _MIN_SHARDS
        while count < _MAX_SHARDS and count * _ENTRIES_A_SHARD < expected_size:
            count *= 2
        self._mask = count - 1
        self._shards = _shards(count)
        for key, value in entries:
            self._shards[hash(key) & self._mask][key] = value
        self._size = sum(map(len, self._shards))
        # In a large map the shards of what has changed since, and how many entries they hold; () and 0 before.
        self._changed: Shards = ()
        self._count = 0

    def get(self, key: str) -> V | None:
        """The value at the key, or None."""
        place = hash(key)
        changed = self._changed
        if changed:
            value = changed[place & (len(changed) - 1)].get(key)
            if value is not None:
                return None if value is _REMOVED else value
        return self._shards[place & self._mask].get(key)

    def __len__(self) -> int:
        return self._size

    def items(self) -> Iterator[tuple[str, V]]:
        """Every (key, value), in no order that means anything."""
        changed = {key: value for shard in self._changed for key, value in shard.items()}
        for shard in self._shards:
            if changed:
                yield from (item for item in shard.items() if item[0] not in changed)
            else:
                yield from shard.items()
        yield from (item for item in changed.items() if item[1] is not _REMOVED)

    def replace(self, changes: Mapping[str, V | None]) -> "ShardedMap[V]":
        """A new map with each key set to its value, or removed where the value is None."""
        if not changes:
            return self
        new: ShardedMap[V] = ShardedMap.__new__(ShardedMap)
        new._mask = self._mask
        if len(self._shards) == _MIN_SHARDS:
            new._shards, growth = _with(self._shards, changes)
            new._size, new._changed, new._count = self._size + growth, (), 0
            if new._size > _RESHARD_ABOVE * _MIN_SHARDS:
                return ShardedMap(new.items(), expected_size=2 * new._size)
            return new
        new._shards, new._size = self._shards, self._size
        for key, value in changes.items():
            new._size += (value is not None) - (self.get(key) is not None)
        marked = {key: _REMOVED if value is None else value for key, value in changes.items()}
        beside = self._changed or _shards(max(_MIN_SHARDS, len(self._shards) // _CHANGED_PART))
        new._changed, growth = _with(beside, marked)
        new._count = self._count + growth
        if new._count * _CHANGED_PART > max(new._size, _RESHARD_ABOVE * _MIN_SHARDS):
            return ShardedMap(new.items(), expected_size=new._size)
        return new


def _shards(count: int) -> Shards:
    return tuple({} for _ in range(count))


def _with(old: Shards, changes: Mapping[str, Any]) -> tuple[Shards, int]:
    """The shards with the changes, None for what is removed; and how many entries that is more.

    Those that are not touched are the same objects.
    """
    shards, mask = list(old), len(old) - 1
    touched: set[int] = set()
    for key, value in changes.items():
        index = hash(key) & mask
        if index not in touched:
            shards[index] = dict(shards[index])
            touched.add(index)
        if value is None:
            shards[index].pop(key, None)
        else:
            shards[index][key] = value
    return tuple(shards), sum(len(shards[index]) - len(old[index]) for index in touched)

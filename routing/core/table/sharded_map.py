"""A persistent map: a change gives a new map and leaves the old one whole, at a cost that hardly grows with its size.

A tuple of small dicts, chosen by hash: look-up is two index operations and one dict look-up; a change copies the shards
that it touches and the tuple of references. With 1,000,000 entries that is 4,096 shards of about 245 entries, so a
change copies some tens of kilobytes where a flat dict would copy a hundred megabytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")

_ENTRIES_A_SHARD = 256
_MIN_SHARDS = 16
_MAX_SHARDS = 1 << 16
# Above this many entries a shard on average, a change re-shards: rare, and amortised over the growth that led to it.
_RESHARD_ABOVE = 4 * _ENTRIES_A_SHARD


class ShardedMap(Generic[V]):
    """An immutable map from str to V. Safe to read from any thread while others derive new maps from it."""

    __slots__ = ("_mask", "_shards", "_size")

    def __init__(self, entries: Iterable[tuple[str, V]] = (), expected_size: int = 0) -> None:
        """Build from (key, value) pairs; a later pair wins. `expected_size` chooses the number of shards."""
        count = _MIN_SHARDS
        while count < _MAX_SHARDS and count * _ENTRIES_A_SHARD < expected_size:
            count *= 2
        self._mask = count - 1
        shards: list[dict[str, V]] = [{} for _ in range(count)]
        for key, value in entries:
            shards[hash(key) & self._mask][key] = value
        self._shards = tuple(shards)
        self._size = sum(map(len, shards))

    def get(self, key: str) -> V | None:
        """The value at the key, or None."""
        return self._shards[hash(key) & self._mask].get(key)

    def __len__(self) -> int:
        return self._size

    def items(self) -> Iterator[tuple[str, V]]:
        """Every (key, value), in no order that means anything."""
        for shard in self._shards:
            yield from shard.items()

    def replace(self, changes: Mapping[str, V | None]) -> "ShardedMap[V]":
        """A new map with each key set to its value, or removed where the value is None."""
        if not changes:
            return self
        shards = list(self._shards)
        copied: set[int] = set()
        size = self._size
        for key, value in changes.items():
            index = hash(key) & self._mask
            if index not in copied:
                shards[index] = dict(shards[index])
                copied.add(index)
            shard = shards[index]
            size -= len(shard)
            if value is None:
                shard.pop(key, None)
            else:
                shard[key] = value
            size += len(shard)
        if size > _RESHARD_ABOVE * len(shards) and len(shards) < _MAX_SHARDS:
            return ShardedMap((item for shard in shards for item in shard.items()), expected_size=2 * size)
        new: ShardedMap[V] = ShardedMap.__new__(ShardedMap)
        new._mask, new._shards, new._size = self._mask, tuple(shards), size
        return new

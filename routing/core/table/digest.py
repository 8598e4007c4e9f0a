"""A table's digest: one number by which two tables are compared, kept up to date at the cost of what changes.

It is the sum of one hash an entry, modulo 2^64: entries may come in any order, and a change takes one hash away and
adds another. It finds what went wrong by itself; it is no seal against somebody who makes entries up.
"""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

_MODULUS = 1 << 64

E = TypeVar("E")


def _entry_hash(kind: str, key: str, entry: Any) -> int:
    """The hash of one entry: of a packed mapping, or of a tuple of fields; 0 for None."""
    if entry is None:
        return 0
    text = entry if isinstance(entry, str) else _text(entry)
    return int.from_bytes(blake2b(f"{kind} {key} {text}".encode(), digest_size=8).digest(), "big")


def layout_of(*entries: type[Any]) -> str:
    """Names what the entries consist of: digests of two releases that differ in it can't be compared."""
    fields = [[entry.__name__, *entry._fields] for entry in entries]
    return blake2b(json.dumps(fields).encode(), digest_size=8).hexdigest()


class Digest:
    """The digest of a table that is being built or changed."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def over(self, kind: str, entries: Iterable[tuple[str, E]]) -> Iterator[tuple[str, E]]:
        """The same entries; each of them has been added by the time that it is given."""
        for key, entry in entries:
            self.value = (self.value + _entry_hash(kind, key, entry)) % _MODULUS
            yield key, entry

    def add(self, kind: str, entries: Iterable[tuple[str, Any]]) -> None:
        """Add entries that nobody else wants."""
        for _ in self.over(kind, entries):
            pass

    def replace(self, kind: str, key: str, before: Any, after: Any) -> None:
        """Take one entry's hash away and add another's; None is one that is not there."""
        self.value = (self.value + _entry_hash(kind, key, after) - _entry_hash(kind, key, before)) % _MODULUS


# Most hostnames have the same entry.
@lru_cache(1024)
def _text(entry: tuple[Any, ...]) -> str:
    return json.dumps(entry, separators=(",", ":"))

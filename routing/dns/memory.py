"""What was found out about names a moment ago. Safe for threads: an entry is read and written whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

# An address is kept no longer than its record allows, and no longer than this: a registry that moves is followed soon.
MAX_SECONDS = 5.0
# How long a name whose name servers kept silent is not asked for again.
SILENT_SECONDS = 5.0
_MAX_NAMES = 4096


class Remembered(NamedTuple):
    """A name's addresses, none where its name servers were silent; good until then (monotonic clock)."""

    addresses: Sequence[str]
    until: float


class NameMemory:
    """Names and what was found of them. Holds some thousand names at most; one too many, and it begins anew."""

    def __init__(self) -> None:
        self._names: dict[str, Remembered] = {}

    def get(self, name: str) -> Remembered | None:
        """What is known of a name; None where it has to be looked up."""
        known = self._names.get(name)
        return known if known is not None and known.until > time.monotonic() else None

    def keep(self, name: str, found: Remembered) -> None:
        """Keep what was found, for as long as its record allows and a few seconds at most."""
        until = min(found.until, time.monotonic() + MAX_SECONDS)
        if until > time.monotonic():
            self._put(name, found._replace(until=until))

    def keep_silent(self, name: str) -> None:
        """Keep that a name's name servers did not answer."""
        self._put(name, Remembered((), time.monotonic() + SILENT_SECONDS))

    def _put(self, name: str, known: Remembered) -> None:
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        self._names[name] = known

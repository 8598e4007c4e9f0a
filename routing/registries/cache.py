"""A small memory for answers that never change, such as manifests by digest. Pure: no I/O, no clock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

# Roughly what an entry costs beside its bytes; it also bounds the number of empty ones.
ENTRY_OVERHEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A body and the headers that belong to it whoever asks."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def size_bytes(self) -> int:
        """What it counts against the cache's bound: body, headers and the entry itself."""
        return ENTRY_OVERHEAD_BYTES + len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


class AnswerCache:
    """Keeps answers up to `max_bytes` in all, forgetting the least recently used first. Safe for threads and tasks.

    An answer over `max_entry_bytes` (default: an eighth of the whole) is not kept, so that no single one can push out
    the rest. What is kept is given to every caller who knows the key: whoever puts an answer in makes sure that the key
    holds all that it depends on, and that it was not fetched with anybody's credentials.
    """

    def __init__(self, max_bytes: int, max_entry_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._max_entry_bytes = max_bytes // 8 if max_entry_bytes is None else max_entry_bytes
        self._answers: OrderedDict[Hashable, CachedAnswer] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> CachedAnswer | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: Hashable, answer: CachedAnswer) -> bool:
        """Keep an answer, instead of any under the same key. Says whether it is small enough to be kept."""
        fits = answer.size_bytes <= min(self._max_entry_bytes, self._max_bytes)
        with self._lock:
            self._drop(key)
            if fits:
                self._answers[key] = answer
                self._size_bytes += answer.size_bytes
            while self._size_bytes > self._max_bytes:
                self._drop(next(iter(self._answers)))
        return fits

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()
            self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much is kept now; never over `max_bytes`."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._answers)

    def _drop(self, key: Hashable) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._size_bytes -= answer.size_bytes

"""What this process has counted and not written yet.

The event loop leaves here what it has answered: a redirect of the fast lane costs a place in a list, and what it counts
as is worked out on another thread, once for all that are alike. Safe for threads.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from routing.core.pull_counts import (
    ORPHAN_SHAPE,
    PULL_SHAPE,
    REFERENCE_SHAPE,
    Batch,
    Grain,
    Names,
    Shape,
    start_of,
)
from routing.core.table.routing_table import Table
from routing.dataplane.pulls.asked import Asked, Orphan, classify

#: Of what waits to be looked at. Whoever adds more looks at it first.
_MAX_WAITING = 10_000
_AT_ONCE = 100
#: Rows of one hour, of each kind: beyond, what is new is added to its hostname's row of everything else.
MAX_ROWS = 20_000
#: Hours that are kept while the database is gone. The oldest go first.
MAX_HOURS = 3

_Numbers = dict[Names, list[int]]


class Redirected(Hashable, Protocol):
    """An answer that the fast lane gives again and again: the same object each time."""

    @property
    def asked(self) -> Asked:
        """The requests that it answers."""


class Hour:
    """The numbers of one hour."""

    def __init__(self) -> None:
        self.numbers: dict[Shape, _Numbers] = {PULL_SHAPE: {}, REFERENCE_SHAPE: {}, ORPHAN_SHAPE: {}}
        self._rows_of: Counter[tuple[Shape, str]] = Counter()

    def add(self, shape: Shape, names: Names, numbers: Sequence[int], per_hostname: int) -> None:
        """Add numbers to a row; where there is no room for it, to that of everything else."""
        rows = self.numbers[shape]
        row = rows.get(names)
        if row is None:
            # Of hosts that nobody has, all together have one hostname's worth.
            owner = (shape, names.hostname if names.tenant else "")
            if len(rows) >= MAX_ROWS or self._rows_of[owner] >= shape.bound(per_hostname):
                names = shape.everything_else(names)
                row = rows.get(names)
            if row is None:
                self._rows_of[owner] += 1
                row = rows[names] = [0] * len(shape.numbers)
        for place, number in enumerate(numbers):
            row[place] += number

    def batches(self, hour: datetime) -> Iterator[tuple[Shape, str, datetime, Batch]]:
        """What is to be written: by hour and by day, and of references and of what leads nowhere by day alone."""
        yield PULL_SHAPE, Grain.HOUR, hour, self.numbers[PULL_SHAPE]
        for shape, rows in self.numbers.items():
            yield shape, Grain.DAY, hour, rows


class Tally:
    """What has been counted, by hour."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Table, Asked | Sequence[Redirected]]] = deque()
        self._lock = threading.Lock()
        self._hours: dict[datetime, Hour] = {}

    def add(self, table: Table, asked: Asked | Sequence[Redirected], per_hostname: int) -> None:
        """A request was answered by this table; or so many by the fast lane, which doesn't touch the list any more."""
        self._waiting.append((table, asked))
        if len(self._waiting) > _MAX_WAITING:
            self._settle_some(per_hostname)

    def settle(self, per_hostname: int) -> None:
        """Work out what everything counts as that waits for it."""
        while self._waiting:
            self._settle_some(per_hostname)

    def _settle_some(self, per_hostname: int) -> None:
        """Of a little, so that neither the event loop nor who waits for the lock waits for long."""
        with self._lock:
            hour = start_of(Grain.HOUR, datetime.now(UTC))
            taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            # Tables are told apart by which they are: to compare their contents takes long.
            tables = {id(table): table for table, _ in taken}
            alike = Counter((id(table), asked) for table, asked in taken if isinstance(asked, Asked))
            for (table_id, asked), times in alike.items():
                self._count(tables[table_id], asked, times, hour, per_hostname)
            for table, given in taken:
                if not isinstance(given, Asked):
                    for answer, times in Counter(given).items():
                        self._count(table, answer.asked, times, hour, per_hostname)

    def take(self) -> dict[datetime, Hour]:
        """What was worked out since the last time."""
        with self._lock:
            taken, self._hours = self._hours, {}
            return taken

    def give_back(self, taken: dict[datetime, Hour], per_hostname: int) -> None:
        """What could not be written is written with what comes next."""
        with self._lock:
            for hour, numbers in taken.items():
                kept = self._hour(hour)
                for shape, rows in numbers.numbers.items():
                    for names, row in rows.items():
                        kept.add(shape, names, row, per_hostname)

    def _count(self, table: Table, asked: Asked, times: int, hour: datetime, per_hostname: int) -> None:
        found = classify(table, asked, times)
        if found is None:
            return
        counts = self._hour(hour)
        if isinstance(found, Orphan):
            counts.add(ORPHAN_SHAPE, found.names, (times,), per_hostname)
            return
        counts.add(PULL_SHAPE, found.pull, found.numbers, per_hostname)
        if found.is_answered:
            counts.add(REFERENCE_SHAPE, found.reference, (times,), per_hostname)

    def _hour(self, hour: datetime) -> Hour:
        found = self._hours.setdefault(hour, Hour())
        for oldest in sorted(self._hours)[:-MAX_HOURS]:
            del self._hours[oldest]
        return found

"""Counts pulls and writes them: one thread of each process, started by the first request.

A batch that was not written is kept. Of one whose writing broke off at its very end nobody knows whether it was: that
one is given up, since numbers may fall short and never say more than was asked for. With the database gone counting
goes on within its bounds, and redirects don't notice. See docs/decisions/0073.
"""

import logging
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from routing.core.pull_counts import Batch, Shape
from routing.core.table.routing_table import Table
from routing.database.connections import give_back_connection
from routing.database.postgresql import is_standby
from routing.dataplane.pulls.asked import Asked
from routing.dataplane.pulls.tally import Redirected, Tally

logger = logging.getLogger(__name__)

# The longest that a request waits to be counted, in seconds; workers shall not write all at once.
_WRITE_SECONDS = 4.0
# At shutdown, which has other things to do as well.
_LAST_SECONDS = 4.0


class PullCounting:
    """Of this process. Safe for threads."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._unreachable = False

    @property
    def is_on(self) -> bool:
        """Whether anything is counted."""
        return bool(settings.FACADE_STATISTICS_DAYS)

    def add(self, table: Table, asked: Asked | Sequence[Redirected]) -> None:
        """A request was answered by this table; or so many by the fast lane."""
        if self._thread is None and settings.FACADE_FOLLOW_CHANGES:
            self._start()
        self._tally.add(table, asked, settings.FACADE_STATISTICS_ROWS)

    def flush(self) -> None:
        """Write what has come since the last time. Raises django.db.DatabaseError; then it is kept, within bounds."""
        # The server imports this before Django is set up.
        from routing.models.pull_count import add_counts

        most = settings.FACADE_STATISTICS_ROWS
        self._tally.settle(most)
        if is_standby():
            return
        taken = self._tally.take()
        is_whole = False

        def batches() -> Iterator[tuple[Shape, str, datetime, Batch]]:
            nonlocal is_whole
            for hour, counts in sorted(taken.items()):
                yield from counts.batches(hour)
            # All is added. What fails from here on is the commit, which may have been done.
            is_whole = True

        try:
            add_counts(batches(), most)
        except BaseException:
            if not is_whole:
                self._tally.give_back(taken, most)
            raise

    def stop(self) -> None:
        """Write for the last time and end the thread; the database has some seconds for it."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join(_LAST_SECONDS)
        self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="pulls", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.wait(_WRITE_SECONDS * random.uniform(0.5, 1))  # noqa: S311
            try:
                self._try_to_flush()
            except Exception:
                # The thread must outlive whatever happens: without it nothing would be counted any more.
                logger.exception("counting pulls failed; trying again")
        connections.close_all()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except (DatabaseError, InterfaceError, OSError) as error:
            if not self._unreachable:
                logger.error("pulls are counted later, redirects go on: %s", type(error).__name__)
            self._unreachable = True
        else:
            self._unreachable = False
        # SQLite's would stay with a file that was replaced.
        give_back_connection()


pull_counting = PullCounting()

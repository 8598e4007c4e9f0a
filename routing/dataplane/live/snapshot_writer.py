"""Keeps the snapshot of the routing table fresh, in a process of its own.

Not in a worker: turning a million entries into text would hold up its redirects.
"""

import contextlib
import logging
import threading

from django.conf import settings

from routing.conf import database_identity, snapshot_path
from routing.core.table.routing_table import State
from routing.dataplane.live.comparison import SNAPSHOT_WRITER
from routing.dataplane.live.live_table import LiveTable
from routing.table import snapshot
from routing.table.freeze import keep_snapshot

logger = logging.getLogger(__name__)


class SnapshotWriter:
    """Writes the table to the file at most every FACADE_SNAPSHOT_SECONDS, when it has changed.

    It follows the table by itself, unless `live` is one that is followed already.
    """

    def __init__(self, live: LiveTable | None = None) -> None:
        self._live = live or LiveTable(role=SNAPSHOT_WRITER)
        self._written: tuple[State, int] | None = None
        self._complained = False

    def write_if_changed(self) -> bool:
        """Bring the file up to date; True where it was written. A file that can't be written is said so, once."""
        if not self._live.is_followed:
            self._live.refresh_or_keep()
            self._live.compare_now_and_then()
        table = self._live.table
        if table is None or self._live.source != "database" or (table.state, table.digest) == self._written:
            return False
        try:
            self._keep_former(table.generation)
            snapshot.write(snapshot_path(), table, database_identity())
        except OSError as error:
            if not self._complained:
                logger.error("the snapshot of the routing table can't be written: %s", error)
            self._complained = True
            return False
        self._written, self._complained = (table.state, table.digest), False
        return True

    @staticmethod
    def _keep_former(generation: int) -> None:
        # Where there are no links, or there is no former one, none is kept; `facade freeze --list` says so.
        with contextlib.suppress(OSError, snapshot.InvalidSnapshot):
            former = snapshot.read_header(snapshot_path(), database_identity()).state.generation
            if former != generation:
                keep_snapshot(snapshot_path(), former)

    def run(self, stop: threading.Event) -> None:
        """Keep it up to date until told to stop."""
        while not stop.is_set():
            try:
                self.write_if_changed()
            except Exception:
                logger.exception("keeping the snapshot failed; trying again")
            stop.wait(settings.FACADE_SNAPSHOT_SECONDS)

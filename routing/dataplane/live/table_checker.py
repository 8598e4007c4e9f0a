"""Reads all rows now and then, for every follower to compare its table with. Beside the workers, as the snapshot."""

import logging
import threading

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from routing.core.table.routing_table import State
from routing.database.connections import give_back_connection
from routing.database.postgresql import is_standby
from routing.table.change_log import leads_on, newest_state
from routing.table.row_check import check_rows, is_due
from routing.table.sqlite_file import require_file

# So many rounds after the database became another one. What was loaded from a part of its rows is found so.
_LOOKS_AFTER_ROUNDS = (0, 1, 2, 4, 8, 16, 32)

logger = logging.getLogger(__name__)


class TableChecker:
    """Looks at the rows every FACADE_TABLE_CHECK_SECONDS; of several servers on one database, one does."""

    def __init__(self) -> None:
        self._complained = False
        self._seen: State | None = None
        self._rounds: int | None = None

    def check_if_due(self) -> bool:
        """Look at them where nobody has for so long; True where that was done. A failure is said, once."""
        try:
            require_file()
            if is_standby() or not (self._is_another_history() or is_due(settings.FACADE_TABLE_CHECK_SECONDS)):
                return False
            check_rows()
        except Exception as error:
            if not self._complained:
                fault = None if isinstance(error, DatabaseError | InterfaceError | OSError) else error
                name = type(error).__name__
                logger.warning("the rows of the routing table can't be checked: %s", name, exc_info=fault)
            self._complained = True
            return False
        finally:
            # An open connection stays with SQLite's file when another one takes its name.
            give_back_connection()
        self._complained = False
        return True

    def _is_another_history(self) -> bool:
        """Whether the rows were put back of late, maybe in several steps: then they are looked at again and again."""
        newest = newest_state()
        if self._seen is not None and not leads_on(self._seen, newest):
            self._rounds = 0
        self._seen = newest
        if self._rounds is None:
            return False
        rounds, self._rounds = self._rounds, self._rounds + 1
        if rounds >= _LOOKS_AFTER_ROUNDS[-1]:
            self._rounds = None
        return rounds in _LOOKS_AFTER_ROUNDS

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        while not stop.wait(min(5.0, settings.FACADE_TABLE_CHECK_SECONDS)):
            try:
                self.check_if_due()
            except Exception:
                logger.exception("checking the rows failed; trying again")

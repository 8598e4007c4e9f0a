"""Reads all rows now and then, for every follower to compare its table with. Beside the workers, as the snapshot."""

import logging
import threading

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from routing.database.postgresql import is_standby
from routing.table.row_check import check_rows, is_due
from routing.table.sqlite_file import require_file

logger = logging.getLogger(__name__)


class TableChecker:
    """Looks at the rows every FACADE_TABLE_CHECK_SECONDS; of several servers on one database, one does."""

    def __init__(self) -> None:
        self._complained = False

    def check_if_due(self) -> bool:
        """Look at them where nobody has for so long; True where that was done. A failure is said, once."""
        try:
            require_file()
            if is_standby() or not is_due(settings.FACADE_TABLE_CHECK_SECONDS):
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
            if not connection.in_atomic_block:
                connection.close()
        self._complained = False
        return True

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        while not stop.wait(min(5.0, settings.FACADE_TABLE_CHECK_SECONDS)):
            try:
                self.check_if_due()
            except Exception:
                logger.exception("checking the rows failed; trying again")

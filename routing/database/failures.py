"""What an error of the database means for whoever asked: that it is gone, busy, read-only, full, or was not migrated.

PostgreSQL tells by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), SQLite by the name of its
result code (https://www.sqlite.org/rescode.html). Messages are not read, but where SQLite has no code of its own.
"""

from enum import StrEnum
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections


class IncompleteDatabase(DatabaseError):
    """There are tables, and what every migrated database has in them isn't there, or not yet."""


class Failure(StrEnum):
    """Why the database can't be used. The value is the word for it in /readyz."""

    GONE = "unreachable"
    NOT_MIGRATED = "not migrated"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    FULL = "full"
    READ_ONLY = "read-only"
    BUSY = "busy"
    UNREADABLE = "unreadable"

    @property
    def sentence(self) -> str:
        """What is so, and what to do about it, for people who asked for something."""
        return _SENTENCES[self]

    @property
    def retry_after_seconds(self) -> int:
        """When to come back: at once nothing will have changed."""
        return 2 if self is Failure.BUSY else 5 if self is Failure.GONE else 60

    @property
    def is_outage(self) -> bool:
        """Whether nothing can be read either, whoever asks."""
        return self in (Failure.GONE, Failure.NOT_MIGRATED, Failure.INCOMPLETE, Failure.DAMAGED)


_SENTENCES = {
    Failure.GONE: (
        "the database can't be reached. Registry clients are served as before; here things go on once it is back. "
        "If you were saving something, look then whether it was saved"
    ),
    Failure.NOT_MIGRATED: (
        "the database lacks tables or columns that this release needs. Whoever runs this server has to run "
        "“manage.py migrate”"
    ),
    Failure.INCOMPLETE: (
        "the database is incomplete, as while a backup is put back. Registry clients are served as before; here things "
        "go on once it is whole"
    ),
    Failure.DAMAGED: "the database's file is damaged. Whoever runs this server has to put a backup back",
    Failure.FULL: (
        "the database has no space left: nothing was changed. Whoever runs this server has to make some; "
        "until then everything is served as it is"
    ),
    Failure.READ_ONLY: (
        "the database is read-only here, as a standby is: nothing was changed. Change it at the server with the "
        "primary, or once this one was promoted"
    ),
    Failure.BUSY: (
        "somebody else's change holds the database and did not end in time: nothing was changed. Try again in a "
        "moment; if it stays so, tell the operators of this facade"
    ),
    Failure.UNREADABLE: (
        "the routing table can't be made of what the database holds. Registry clients are served as before. Whoever "
        "runs this server finds the reason in its log"
    ),
}

# A whole code, or its class, its first two characters.
_SQLSTATES = {
    "08": Failure.GONE,  # connection exceptions
    "28": Failure.GONE,  # not let in
    "3D000": Failure.GONE,  # there is no such database
    "53300": Failure.GONE,  # too many connections
    "57P": Failure.GONE,  # shut down, crashed, starting up
    "58": Failure.GONE,  # the system's errors
    "42P01": Failure.NOT_MIGRATED,  # undefined table
    "42703": Failure.NOT_MIGRATED,  # undefined column
    "3F000": Failure.NOT_MIGRATED,  # no schema to create in
    "XX001": Failure.DAMAGED,
    "XX002": Failure.DAMAGED,
    "53100": Failure.FULL,
    "25006": Failure.READ_ONLY,
    "55P03": Failure.BUSY,  # lock_timeout
    "57014": Failure.BUSY,  # statement_timeout
    "25P03": Failure.BUSY,  # idle_in_transaction_session_timeout
    "40": Failure.BUSY,  # deadlocks and the like
}
# The beginning of a name: extended codes go on, such as SQLITE_BUSY_SNAPSHOT.
_SQLITE_NAMES = {
    "SQLITE_BUSY": Failure.BUSY,
    "SQLITE_LOCKED": Failure.BUSY,
    "SQLITE_READONLY": Failure.READ_ONLY,
    "SQLITE_FULL": Failure.FULL,
    "SQLITE_CORRUPT": Failure.DAMAGED,
    "SQLITE_NOTADB": Failure.DAMAGED,
    "SQLITE_CANTOPEN": Failure.GONE,
    "SQLITE_IOERR": Failure.GONE,
    "SQLITE_PERM": Failure.GONE,
}


def failure_of(error: BaseException | None) -> Failure | None:
    """What an error means; None for one that is no word on the database's state, such as a broken constraint."""
    if isinstance(error, FileNotFoundError):
        return Failure.GONE
    if isinstance(error, IncompleteDatabase):
        return Failure.INCOMPLETE
    cause = error.__cause__ if isinstance(error, Error) else error
    if hasattr(cause, "sqlstate"):
        return _of_postgresql(cause)
    if not isinstance(error, Error):
        return None
    name = getattr(cause, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and str(cause).startswith(("no such table", "no such column")):
        return Failure.NOT_MIGRATED
    return next((failure for start, failure in _SQLITE_NAMES.items() if name.startswith(start)), None)


def _of_postgresql(error: Any) -> Failure | None:
    # Here, since processes on SQLite do without. It was imported by whatever raised the error.
    from psycopg import InterfaceError, OperationalError
    from psycopg_pool import PoolTimeout

    if isinstance(error, PoolTimeout):
        return Failure.BUSY if _all_are_taken() else Failure.GONE
    state = error.sqlstate
    if state is None:
        # No word of the server's: no connection could be made, or it broke.
        return Failure.GONE if isinstance(error, OperationalError | InterfaceError) else None
    return _SQLSTATES.get(state) or _SQLSTATES.get(state[:3]) or _SQLSTATES.get(state[:2])


def _all_are_taken() -> bool:
    """Whether this process waited for one of its own connections, and not for the server."""
    pool = getattr(connections[DEFAULT_DB_ALIAS], "pool", None)
    return pool is not None and pool.get_stats()["pool_size"] >= pool.max_size

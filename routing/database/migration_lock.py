"""One migration of a database at a time. A second one waits, says so, and then finds nothing left to do.

Without it two servers that start at once would both read what has been applied, and both apply the rest.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import FileIO
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

#: Any number that no other program uses in this database. Advisory locks belong to one database.
_KEY = int.from_bytes(b"facademg")
_LOOK_SECONDS = 0.5
_HOLDER = """
SELECT activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

Say = Callable[[str], None]


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, say: Say) -> Iterator[None]:
    """Hold the lock, within; wait for it first, and `say` so once, where somebody else holds it.

    It ends with the process that holds it, however that ends. Raises django.db.DatabaseError.
    """
    lock = _postgresql_lock if connection.vendor == "postgresql" else _sqlite_lock
    with lock(connection, say):
        yield


@contextmanager
def _postgresql_lock(connection: BaseDatabaseWrapper, say: Say) -> Iterator[None]:
    # A connection of its own, since migrations commit, and a transaction's lock, since that also holds through a pooler
    # that gives each transaction another connection.
    other = connection.copy()
    other.settings_dict["OPTIONS"].pop("pool", None)
    with closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN")
        # A migration may take longer than anybody may be idle elsewhere.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        _wait(lambda: _is_taken(cursor), lambda: _application_of_holder(cursor), say)
        yield


def _is_taken(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_KEY])
    return bool(cursor.fetchone()[0])


def _application_of_holder(cursor: Any) -> str:
    try:
        cursor.execute(_HOLDER, [_KEY])
        found = cursor.fetchone()
    except DatabaseError:
        return ""
    return str(found[0] or "") if found else ""


@contextmanager
def _sqlite_lock(connection: BaseDatabaseWrapper, say: Say) -> Iterator[None]:
    if connection.is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's
        yield
        return
    try:
        file = FileIO(f"{connection.settings_dict['NAME']}.migrate", "a+")
    except OSError:
        # SQLite needs to write there as well, and says what is wrong.
        yield
        return
    # It stays there: whoever opened it before its name was gone would hold a lock that nobody else asks for.
    with file:
        _wait(lambda: _is_locked(file), lambda: _words_of_holder(file), say)
        file.truncate(0)
        file.write(f"process {os.getpid()}".encode())
        yield


def _is_locked(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _words_of_holder(file: FileIO) -> str:
    file.seek(0)
    return file.readall().decode(errors="replace")


def _wait(is_held: Callable[[], bool], holder: Callable[[], str], say: Say) -> None:
    has_said = False
    while not is_held():
        if not has_said:
            who = holder()
            say(f"Another migration of this database is under way{f' ({who})' if who else ''}: waiting for its end.")
            has_said = True
        time.sleep(_LOOK_SECONDS)

"""A command whose database can't be used ends with one line, and status 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error

from routing.database.failures import Failure, failure_of
from routing.table.sqlite_file import is_new

_MIGRATION_WAITS_SECONDS = 120.0
_MIGRATION_SECONDS = 3600.0


def in_a_line(error: Error) -> str | None:
    """What a command says of such an error; None where it is no word on the database's state."""
    failure = failure_of(error)
    if failure is None:
        return None
    if failure is Failure.NOT_MIGRATED:
        return f"the database was not migrated: run “manage.py migrate” first ({_detail(error)})"
    if failure is Failure.GONE and is_new():
        file = settings.DATABASES["default"]["NAME"]
        return f"there is no database file {file}: put a backup back, or run “manage.py migrate” first, which makes one"
    if failure is Failure.GONE:
        return f"the database can't be reached: {_detail(error)}"
    return f"{failure.sentence} ({_detail(error)})"


def _detail(error: Error) -> str:
    # The rest shows the statement, or proposes other spellings.
    return str(error).strip().partition("\nLINE ")[0].replace("\n", " ").strip()


@contextmanager
def told_in_a_line(argv: list[str]) -> Iterator[None]:
    """Run any command within, Django's too. `--traceback` shows all."""
    if "maintain" not in argv[1:2]:
        # One thread has no use for a pool, which tells nobody why it gets no connection, and only after seconds.
        for database in settings.DATABASES.values():
            database.get("OPTIONS", {}).pop("pool", None)
    if "migrate" in argv[1:2]:
        # Rather than fail while somebody reads all rows.
        settings.FACADE_LOCK_SECONDS = max(settings.FACADE_LOCK_SECONDS, _MIGRATION_WAITS_SECONDS)
        settings.FACADE_IDLE_TRANSACTION_SECONDS = max(settings.FACADE_IDLE_TRANSACTION_SECONDS, _MIGRATION_SECONDS)
    try:
        yield
    except Error as error:
        line = in_a_line(error)
        if line is None or "--traceback" in argv:
            raise
        sys.exit(f"CommandError: {line}")

"""What each new connection to PostgreSQL is told, and what is known of the server behind it.

A pooler such as PgBouncer, in transaction mode, gives each transaction any connection of its own. Whatever is set for a
session would be left to others there, LISTEN goes unheard, and cursors that outlive a transaction are lost. It is
recognised by its process id: what it tells a client is a number that it made up, not the one of the server's process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection
from django.db.backends.signals import connection_created
from django.dispatch import receiver

if TYPE_CHECKING:
    from psycopg import Connection

# In one round trip: nothing is set where a pooler stands between.
_PREPARE = """
SELECT here.direct,
    CASE WHEN here.direct THEN set_config('lock_timeout', %(lock)s, false) END,
    CASE WHEN here.direct THEN set_config('idle_in_transaction_session_timeout', %(idle)s, false) END
FROM (SELECT pg_backend_pid() = %(pid)s AS direct) AS here
"""
_NO_CURSORS = "DISABLE_SERVER_SIDE_CURSORS"
# Each connection that was told; whether a pooler stands between.
_pooled: "WeakKeyDictionary[Connection[Any], bool]" = WeakKeyDictionary()


@receiver(connection_created)
def prepare(connection: Any, **_: object) -> None:
    """Bound how long it waits for locks and keeps them, once: a pool hands the same connection out again."""
    if connection.vendor != "postgresql":
        return
    opened = connection.connection
    if opened not in _pooled:
        told = {"pid": opened.info.backend_pid, **_timeouts()}
        with opened.cursor() as cursor:
            is_direct = cursor.execute(_PREPARE, told).fetchone()[0]
        _pooled[opened] = not is_direct
    if _pooled[opened] != bool(connection.settings_dict.get(_NO_CURSORS)):
        # A copy: the connections of all threads share the settings.
        connection.settings_dict = {**connection.settings_dict, _NO_CURSORS: _pooled[opened]}


def is_pooled() -> bool:
    """Whether a pooler stands before this thread's connection. Connects. Raises django.db.Error."""
    connection.ensure_connection()
    return connection.vendor == "postgresql" and _pooled.get(connection.connection, False)


def is_standby() -> bool:
    """Whether this thread's connection leads to a server that only follows another. Connects. Raises django.db.Error.

    The server tells by itself when that changes, from PostgreSQL 14 on; a pooler hands that on for none.
    """
    if connection.vendor != "postgresql":
        return False
    connection.ensure_connection()
    told = connection.connection.info.parameter_status("in_hot_standby")
    if told is not None and not is_pooled():
        return bool(told == "on")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        return bool(cursor.fetchone()[0])


def bound_transaction() -> None:
    """Bound this transaction as `prepare` does a session, where a pooler keeps that from being done."""
    if is_pooled():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %(lock)s, true),"
                " set_config('idle_in_transaction_session_timeout', %(idle)s, true)",
                _timeouts(),
            )


@contextmanager
def server_side_cursors() -> Iterator[None]:
    """Within a transaction, and there alone, they work behind a pooler too."""
    before = connection.settings_dict
    connection.settings_dict = {**before, _NO_CURSORS: False}
    try:
        yield
    finally:
        connection.settings_dict = before


def _timeouts() -> dict[str, str]:
    return {
        "lock": _milliseconds(settings.FACADE_LOCK_SECONDS),
        "idle": _milliseconds(settings.FACADE_IDLE_TRANSACTION_SECONDS),
    }


def _milliseconds(seconds: float) -> str:
    # 0 would be for ever, and more than that is refused.
    return f"{min(max(round(seconds * 1000), 1), 2**31 - 1)}ms"

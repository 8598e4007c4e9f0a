"""A deadline on a look at the database.

A server that was stopped, or a path that drops packets, breaks no connection: who waits for an answer would wait for as
long as TCP does.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Break this thread's connection where the queries within take longer: they then raise OperationalError.

    On PostgreSQL alone; SQLite has no other machine to wait for. To connect has deadlines of its own.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor != "postgresql":
        yield
        return
    wrapper.ensure_connection()
    with broken_after(seconds, wrapper.connection):
        yield


@contextmanager
def broken_after(seconds: float, connection: Any) -> Iterator[None]:
    """Break a connection where what is done within takes longer."""
    timer = Timer(seconds, break_connection, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def break_connection(connection: Any) -> None:
    """Let whichever thread waits for an answer on it wait no longer. Without one, and of SQLite, it does nothing."""
    # Not close(): that belongs to the thread that waits. The kernel tells that one that nothing more will come.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)

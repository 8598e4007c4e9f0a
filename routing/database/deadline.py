"""A deadline on a look at the database.

A server that was stopped, or a path that drops packets, breaks no connection: who waits for an answer would wait for as
long as TCP does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from routing.database.open_connections import break_all, break_connection


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Where the queries within take longer the server is taken for silent: they then raise OperationalError.

    So do all others of this process that wait for it, and there is nobody to answer them either. On PostgreSQL alone;
    SQLite has no other machine to wait for. To connect has deadlines of its own.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor != "postgresql":
        yield
        return
    wrapper.ensure_connection()
    with _after(seconds, break_all):
        yield


@contextmanager
def broken_after(seconds: float, connection: Any) -> Iterator[None]:
    """Break a connection where what is done within takes longer."""
    with _after(seconds, lambda: break_connection(connection)):
        yield


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    timer = Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

"""A deadline on a look at the database.

A server that was stopped, or a path that drops packets, breaks no connection: who waits for an answer would wait for as
long as TCP does.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from routing.database.open_connections import break_all, break_connection

#: Sets a deadline anew, so many seconds from now.
Extend = Callable[[float], None]

# More than the pool waits, and then for a connection to be made. What it asks one that it has is bounded by this alone.
_CONNECTION_SECONDS = 12.0


@contextmanager
def answered_within(seconds: float) -> Iterator[Extend]:
    """Where the queries within take longer the server is taken for silent: they then raise OperationalError.

    So do all others of this process that wait for it, and there is nobody to answer them either. On PostgreSQL alone;
    SQLite has no other machine to wait for.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor != "postgresql":
        yield lambda _: None
        return
    with _after(_CONNECTION_SECONDS, break_all):
        wrapper.ensure_connection()
    with _after(seconds, break_all) as extend:
        yield extend


@contextmanager
def broken_after(seconds: float, connection: Any) -> Iterator[None]:
    """Break a connection where what is done within takes longer."""
    with _after(seconds, lambda: break_connection(connection)):
        yield


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[Extend]:
    done, until = threading.Event(), [time.monotonic() + seconds]

    def extend(seconds: float) -> None:
        until[0] = time.monotonic() + seconds

    def watch() -> None:
        while (left := until[0] - time.monotonic()) > 0:
            # It may be set to be earlier.
            if done.wait(min(left, 1.0)):
                return
        act()

    threading.Thread(target=watch, name="deadline", daemon=True).start()
    try:
        yield extend
    finally:
        done.set()

"""This process' connections to PostgreSQL, so that all can be given up at once when it has gone silent.

The pool asks a connection whether it is alive before it hands it out, makes new ones, and takes them back. Each of
these waits for the server as a query does, and for as long.
"""

import os
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

_lock = threading.Lock()
_open: WeakSet[Any] = WeakSet()


def note_open(connection: Any) -> None:
    """There is one more."""
    with _lock:
        _open.add(connection)


def break_all() -> None:
    """Whoever waits for an answer on one of them waits no longer, and is told that it broke."""
    with _lock:
        found = list(_open)
    for each in found:
        break_connection(each)


def break_connection(connection: Any) -> None:
    """Let whichever thread waits for an answer on it wait no longer. Of one that is closed it does nothing."""
    # Not close(): that belongs to the thread that waits. The kernel tells that one that nothing more will come.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


# The first process has closed its own by then.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

"""Whether the database can be used at all just now, as this process knows it.

Its follower looks a few times a second, and each request that fails says so too. Everybody else is told at once,
instead of waiting for the same deadline once more.
"""

import threading
import time
from typing import Any
from weakref import WeakValueDictionary

from django.db import DEFAULT_DB_ALIAS, connections

from routing.database.deadline import break_connection
from routing.database.failures import Failure

# Where nobody follows the database, somebody tries again after so long.
_HOLDS_SECONDS = 5.0


class Outage:
    """The database's state, as it was last found."""

    def __init__(self) -> None:
        self._failure: Failure | None = None
        self._until = 0.0
        self._lock = threading.Lock()
        # By thread; whoever ends without a word takes its connection along.
        self._asking: WeakValueDictionary[int, Any] = WeakValueDictionary()

    @property
    def failure(self) -> Failure | None:
        """Why it can't be used; None where it can, as far as is known."""
        return self._failure if time.monotonic() < self._until else None

    def begin(self, failure: Failure) -> None:
        """It was found so."""
        self._until = time.monotonic() + _HOLDS_SECONDS
        self._failure = failure

    def break_off(self) -> None:
        """Whoever still waits for an answer waits no longer: there is nobody to give it."""
        with self._lock:
            asking = list(self._asking.values())
        for wrapper in asking:
            break_connection(wrapper.connection)

    def end(self) -> None:
        """It answers."""
        self._failure = None

    def enter(self) -> None:
        """What this thread asks from now on is broken off when the database is found to be gone."""
        with self._lock:
            self._asking[threading.get_ident()] = connections[DEFAULT_DB_ALIAS]

    def leave(self) -> None:
        """It asks nothing any more."""
        with self._lock:
            self._asking.pop(threading.get_ident(), None)


outage = Outage()

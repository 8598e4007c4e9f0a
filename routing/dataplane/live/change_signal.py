"""When to look for changes: as soon as PostgreSQL says that there is one, and by the clock in any case.

Only a server that takes changes can be listened to, and only by a connection of one's own: a standby refuses LISTEN,
and through a pooler nothing comes of it. There the clock does. Behind a pooler FACADE_LISTEN_DATABASE_URL may name the
server itself.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, connections

from routing.conf import NOTIFY_CHANNEL
from routing.database.deadline import answered_within, broken_after
from routing.database.postgresql import is_pooled, is_standby

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 5.0
# The follower waits meanwhile, and looks for no change.
_OWN_ANSWER_SECONDS = 1.0
# How often a connection of its own is asked whether its server is a standby, and made anew where it broke: less often
# each time that it breaks again.
_AGAIN_SECONDS, _SELDOM_SECONDS = 10.0, 120.0
# Among the connections of its process, which one this is, for whoever looks into pg_stat_activity.
_NAME_LISTENER = """
SELECT set_config(
    'application_name', regexp_replace(current_setting('application_name'), '( web| listen)?$', ' listen'), false)
"""


class ChangeSignal:
    """One follower's wait, in its thread."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._listening = False
        self._own: Connection[Any] | None = None
        self._own_from, self._own_pause = 0.0, _AGAIN_SECONDS
        self._complained = False

    def wait(self, seconds: float) -> None:
        """Return when something may have changed, or after that time."""
        if connection.vendor != "postgresql":
            self._stop.wait(seconds)
        elif settings.LISTEN_OPTIONS:
            self._wait_at_own(seconds)
        else:
            self._wait_at_shared(seconds)

    def close(self) -> None:
        """Listen no longer. Django's connection is its owner's to close."""
        self._listening = False
        if self._own is not None:
            self._own.close()
            self._own = None

    def _wait_at_shared(self, seconds: float) -> None:
        try:
            if not self._listening:
                with answered_within(_ANSWER_SECONDS):
                    can_listen = not is_pooled() and not is_standby()
                    if can_listen:
                        connection.connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
                        connection.connection.execute(_NAME_LISTENER)
                if not can_listen:
                    self._stop.wait(seconds)
                    return
                self._listening = True
                return  # Something may have changed before LISTEN took effect: look once more.
            _await(connection.connection, seconds)
        except (DatabaseError, _driver().Error, OSError):
            self._listening = False
            connections.close_all()
            self._stop.wait(seconds)

    def _wait_at_own(self, seconds: float) -> None:
        try:
            if not self._listening:
                if time.monotonic() < self._own_from or not self._listens_at_own():
                    self._stop.wait(seconds)
                return
            _await(self._opened(), seconds)
        except (_driver().Error, OSError) as error:
            self.close()
            self._own_from = time.monotonic() + self._own_pause
            self._own_pause = min(2 * self._own_pause, _SELDOM_SECONDS)
            if not self._complained:
                logger.warning(
                    "FACADE_LISTEN_DATABASE_URL can't be listened to, so changes are looked for every %g s: %s",
                    settings.FACADE_POLL_SECONDS,
                    type(error).__name__,
                )
            self._complained = True
            self._stop.wait(seconds)

    def _listens_at_own(self) -> bool:
        opened = self._opened()
        with broken_after(_OWN_ANSWER_SECONDS, opened):
            row = opened.execute("SELECT pg_is_in_recovery()").fetchone()
            if row and row[0]:
                self._own_from = time.monotonic() + _AGAIN_SECONDS
                return False
            opened.execute(f"LISTEN {NOTIFY_CHANNEL}")
            opened.execute(_NAME_LISTENER)
        self._listening, self._complained, self._own_pause = True, False, _AGAIN_SECONDS
        return True

    def _opened(self) -> Connection[Any]:
        if self._own is None:
            self._own = _driver().connect(autocommit=True, **settings.LISTEN_OPTIONS)
        return self._own


def _driver() -> Any:
    # Here, since processes on SQLite do without.
    import psycopg

    return psycopg


def _await(listening: Connection[Any], seconds: float) -> None:
    for _ in listening.notifies(timeout=seconds, stop_after=1):
        pass

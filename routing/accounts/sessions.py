"""Sessions in the database whose end is counted from the sign-in: nothing that is done with one makes it last longer.

Django counts from the last change of a session, and an identity provider's sign-in that somebody only begins is one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

_SIGNED_IN_AT = "signed_in_at"
# Of whoever isn't signed in. A sign-in takes minutes, and the links that begin one can be opened again.
_STRANGERS_SECONDS = 3600
# As Django has it.
_MIN_KEY_LENGTH = 8


class TooManySessions(Exception):
    """Too many were begun from there lately."""


class SessionStore(db.SessionStore):
    """Before a sign-in a session ends an hour after its last change."""

    #: Asked before a stranger's session becomes a row; None: nobody is.
    may_begin: Callable[[], bool] | None = None

    def _validate_session_key(self, key: str | None) -> bool:
        # Of a cookie's characters some, such as NUL, are refused by databases.
        return key is not None and len(key) >= _MIN_KEY_LENGTH and key.isascii() and key.isalnum()

    def create(self) -> None:
        """Make the row. Raises TooManySessions."""
        if self.may_begin is not None and not self.may_begin():
            raise TooManySessions
        super().create()

    def cycle_key(self) -> None:
        """Begin anew at a sign-in, which has limits of its own."""
        self.may_begin = None
        super().cycle_key()

    def mark_signed_in(self) -> None:
        """Begin to count: somebody has just signed in."""
        self[_SIGNED_IN_AT] = timezone.now().timestamp()

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds until it ends, for the cookie; 0 where it has."""
        return max(ceil((self._end() - timezone.now()).total_seconds()), 0)

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """When it ends, for the database."""
        return self._end()

    def _end(self) -> datetime:
        if SESSION_KEY not in self:
            return timezone.now() + timedelta(seconds=_STRANGERS_SECONDS)
        # A session of the release before, which has no such mark, ends when it is next written.
        begun = datetime.fromtimestamp(self.get(_SIGNED_IN_AT, 0), UTC)
        return begun + timedelta(seconds=self.get_session_cookie_age())

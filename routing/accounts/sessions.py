"""Sessions in the database whose end is counted from the sign-in: nothing that is done with one makes it last longer.

Django counts from the last change of a session, and an identity provider's sign-in that somebody only begins is one.
"""

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

_SIGNED_IN_AT = "signed_in_at"


class SessionStore(db.SessionStore):
    """Before a sign-in, an ordinary session."""

    def mark_signed_in(self) -> None:
        """Begin to count: somebody has just signed in."""
        self[_SIGNED_IN_AT] = timezone.now().timestamp()

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds until it ends, for the cookie; 0 where it has."""
        end = self._end()
        return super().get_expiry_age(**kwargs) if end is None else max(ceil((end - timezone.now()).total_seconds()), 0)

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """When it ends, for the database."""
        return self._end() or super().get_expiry_date(**kwargs)

    def _end(self) -> datetime | None:
        if SESSION_KEY not in self:
            return None
        # A session of the release before, which has no such mark, ends when it is next written.
        begun = datetime.fromtimestamp(self.get(_SIGNED_IN_AT, 0), UTC)
        return begun + timedelta(seconds=self.get_session_cookie_age())

"""Whether the database can be used at all just now, as this process knows it.

Its follower looks a few times a second, and each request that fails says so too. Everybody else is told at once,
instead of waiting for the same deadline once more.
"""

import time

from routing.database.failures import Failure

# Where nobody follows the database, somebody tries again after so long.
_HOLDS_SECONDS = 5.0


class Outage:
    """The database's state, as it was last found."""

    def __init__(self) -> None:
        self._failure: Failure | None = None
        self._until = 0.0

    @property
    def failure(self) -> Failure | None:
        """Why it can't be used; None where it can, as far as is known."""
        return self._failure if time.monotonic() < self._until else None

    def begin(self, failure: Failure, seconds: float = 0.0) -> None:
        """It was found so. Whoever will look again within `seconds` has the last word until then."""
        self._until = max(self._until, time.monotonic() + max(seconds, _HOLDS_SECONDS))
        self._failure = failure

    def end(self) -> None:
        """It answers."""
        self._failure, self._until = None, 0.0


outage = Outage()

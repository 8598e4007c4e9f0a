"""How many relays may be under way at once, in this process and for each tenant.

Over the limit a caller is told to come back, rather than kept waiting: every client retries a 429 with Retry-After.
"""

import threading
from collections import Counter

from django.conf import settings


class TooManyRelays(Exception):
    """No place is free. `message` is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RelayLimits:
    """Counts relays. Safe for threads and tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_tenant: Counter[str] = Counter()
        self._total = 0

    @property
    def under_way(self) -> int:
        """Relays at this moment."""
        return self._total

    def acquire(self, tenant: str) -> None:
        """Take a place. Raises TooManyRelays."""
        with self._lock:
            if self._total >= settings.FACADE_MAX_RELAYS:
                raise TooManyRelays("this facade is answering as many requests as it can; try again")
            if self._by_tenant[tenant] >= settings.FACADE_MAX_RELAYS_PER_TENANT:
                raise TooManyRelays("too many requests to this address are under way; try again")
            self._by_tenant[tenant] += 1
            self._total += 1

    def release(self, tenant: str) -> None:
        """Give a place back."""
        with self._lock:
            self._total -= 1
            self._by_tenant[tenant] -= 1
            if self._by_tenant[tenant] <= 0:
                del self._by_tenant[tenant]


relay_limits = RelayLimits()

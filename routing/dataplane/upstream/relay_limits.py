"""How many relays may be under way at once, and what they may hold in memory: in this process and for each tenant.

A relay is under way until its answer's last byte has gone to the caller: a caller that reads nothing holds a place.
Over a limit a caller is told to come back, rather than kept waiting: every client retries a 429 with Retry-After.
"""

import threading
from collections import Counter

from django.conf import settings

# What a stream holds at most: what the client of registries keeps of it, and what the server has not sent of it yet.
STREAM_BYTES = 512 * 1024


class TooManyRelays(Exception):
    """No place is free, or no memory. `message` is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Place:
    """One relay's place, with the bytes that it holds in memory. It is free again once all who share it released it."""

    __slots__ = ("_limits", "_users", "held_bytes", "tenant")

    def __init__(self, limits: "RelayLimits", tenant: str) -> None:
        self.tenant = tenant
        self.held_bytes = 0
        self._limits = limits
        self._users = 1

    def hold(self, more_bytes: int) -> None:
        """Keep so many more bytes in memory. Raises TooManyRelays."""
        self._limits._hold(self.tenant, more_bytes)
        self.held_bytes += more_bytes

    def hold_at_least(self, total_bytes: int) -> None:
        """Keep so many bytes in all, of which some are counted already. Raises TooManyRelays."""
        if total_bytes > self.held_bytes:
            self.hold(total_bytes - self.held_bytes)

    def share(self) -> None:
        """From now on one more has to release it."""
        self._users += 1

    def release(self) -> None:
        """Give it back, once for each who has it."""
        self._users -= 1
        if self._users == 0:
            self._limits._give_back(self.tenant, self.held_bytes)

    def __del__(self) -> None:
        # Whoever had it was broken off before it could release it.
        if self._users > 0:
            self._limits._give_back(self.tenant, self.held_bytes)


class RelayLimits:
    """Counts relays and their bytes. Safe for threads and tasks."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_tenant: Counter[str] = Counter()
        self._bytes_by_tenant: Counter[str] = Counter()
        self._total = 0
        self._total_bytes = 0

    @property
    def under_way(self) -> int:
        """Relays at this moment."""
        return self._total

    @property
    def held_bytes(self) -> int:
        """The bytes that they hold in memory."""
        return self._total_bytes

    def acquire(self, tenant: str) -> Place:
        """Take a place. Raises TooManyRelays."""
        with self._lock:
            if self._total >= settings.FACADE_MAX_RELAYS:
                raise TooManyRelays("this facade is answering as many requests as it can; try again")
            if self._by_tenant[tenant] >= settings.FACADE_MAX_RELAYS_PER_TENANT:
                raise TooManyRelays("too many requests to this address are under way; try again")
            self._by_tenant[tenant] += 1
            self._total += 1
        return Place(self, tenant)

    def _hold(self, tenant: str, more_bytes: int) -> None:
        with self._lock:
            if self._total_bytes + more_bytes > settings.FACADE_MAX_RELAYED_BYTES:
                raise TooManyRelays("this facade holds as many answers as it has memory for; try again")
            if self._bytes_by_tenant[tenant] + more_bytes > settings.FACADE_MAX_RELAYED_BYTES_PER_TENANT:
                raise TooManyRelays("too many long answers for this address are under way; try again")
            self._total_bytes += more_bytes
            self._bytes_by_tenant[tenant] += more_bytes

    def _give_back(self, tenant: str, held_bytes: int) -> None:
        # Also called by the collector, which may run while this very thread holds the lock: so it is one for re-entry.
        with self._lock:
            self._total -= 1
            self._total_bytes -= held_bytes
            for counts, number in ((self._by_tenant, 1), (self._bytes_by_tenant, held_bytes)):
                counts[tenant] -= number
                if counts[tenant] <= 0:
                    del counts[tenant]


relay_limits = RelayLimits()

"""Places that many share fairly: one that holds all of its own waits, and keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque


class FairPlaces:
    """`total` places, of which one share holds `per_share` at most. For one event loop.

    Those who wait are served share by share in turn, and within a share in the order in which they came.
    """

    def __init__(self, total: int, per_share: int) -> None:
        self._free = total
        self._per_share = per_share
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, share: str) -> None:
        """Take a place, waiting for it as long as the caller does. Give it back with `release`."""
        if self._free and self._held[share] < self._per_share:
            self._take(share)
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(share, deque()).append(place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():
                self.release(share)
            raise

    def release(self, share: str) -> None:
        """Give a place back, to whoever is next."""
        self._free += 1
        self._held[share] -= 1
        if not self._held[share]:
            del self._held[share]
        for waiting in list(self._waiting):
            if not self._free:
                return
            if self._held[waiting] < self._per_share:
                self._serve(waiting)

    def _serve(self, share: str) -> None:
        """Give a place to the next of a share, which then stands behind the others."""
        queue = self._waiting.pop(share)
        while queue:
            place = queue.popleft()
            if not place.done():
                self._take(share)
                place.set_result(None)
                break
        if queue:
            self._waiting[share] = queue

    def _take(self, share: str) -> None:
        self._free -= 1
        self._held[share] += 1

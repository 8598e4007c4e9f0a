"""Keeps one slow registry from using up every connection that the others need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from routing.registries.exceptions import RegistryTimeout
from routing.registries.url import RegistryUrl


@dataclass(slots=True)
class _Slots:
    semaphore: asyncio.Semaphore
    users: int = field(default=0)


class OriginLimiter:
    """Lets at most `limit` requests at once through to each origin. For one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots_by_origin: dict[str, _Slots] = {}

    @asynccontextmanager
    async def slot(self, target: RegistryUrl, wait_seconds: float) -> AsyncIterator[None]:
        """Take a slot for the length of the block, waiting for one at most so long. Raises `RegistryTimeout`."""
        slots = self._slots_by_origin.setdefault(target.origin, _Slots(asyncio.Semaphore(self._limit)))
        slots.users += 1
        try:
            await self._enter(slots, target, wait_seconds)
            try:
                yield
            finally:
                slots.semaphore.release()
        finally:
            slots.users -= 1
            # Forgotten when nobody uses it, so that the table is no larger than what is under way.
            if not slots.users:
                del self._slots_by_origin[target.origin]

    @staticmethod
    async def _enter(slots: _Slots, target: RegistryUrl, wait_seconds: float) -> None:
        try:
            async with asyncio.timeout(wait_seconds):
                await slots.semaphore.acquire()
        except TimeoutError:
            message = f"{target.authority} was not asked: too many requests to it are under way"
            raise RegistryTimeout(target.authority, message) from None

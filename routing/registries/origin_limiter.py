"""Keeps one slow registry from using up every connection that the others need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from routing.registries.exceptions import RegistryTimeout
from routing.registries.url import Target


@dataclass(slots=True)
class _Entrance:
    places: asyncio.Semaphore
    users: int = field(default=0)


class OriginGate:
    """Lets at most `places` requests at once through to each origin. For one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._entrances: dict[str, _Entrance] = {}

    @asynccontextmanager
    async def hold(self, target: Target, wait_seconds: float) -> AsyncIterator[None]:
        """Take a place for the length of the block, waiting for one at most so long. Raises `RegistryTimeout`."""
        entrance = self._entrances.setdefault(target.origin, _Entrance(asyncio.Semaphore(self._places)))
        entrance.users += 1
        try:
            await self._enter(entrance, target, wait_seconds)
            try:
                yield
            finally:
                entrance.places.release()
        finally:
            entrance.users -= 1
            # Forgotten when nobody uses it, so that the table is no larger than what is under way.
            if not entrance.users:
                del self._entrances[target.origin]

    @staticmethod
    async def _enter(entrance: _Entrance, target: Target, wait_seconds: float) -> None:
        try:
            async with asyncio.timeout(wait_seconds):
                await entrance.places.acquire()
        except TimeoutError:
            message = f"{target.authority} was not asked: too many requests to it are under way"
            raise RegistryTimeout(target.authority, message) from None

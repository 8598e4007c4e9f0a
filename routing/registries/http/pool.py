"""Connections by origin: kept for the next request, and bounded in number. For one event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from routing.registries.http.connection import Connection

Dial = Callable[[Callable[[], Connection]], Awaitable[Connection]]
"""Makes a connection, whose protocol the argument makes. Raises what stands in the way."""

Queue = deque["asyncio.Future[None]"]


class PoolTimeout(Exception):
    """No place became free in time. `at_origin`: the origin's own places are taken; else those of all together."""

    def __init__(self, *, at_origin: bool) -> None:
        super().__init__()
        self.at_origin = at_origin


@dataclass(slots=True)
class _Origin:
    """`busy` counts requests that have a place, with a connection or on the way to one."""

    busy: int = 0
    idle: list[Connection] = field(default_factory=list)
    queue: Queue = field(default_factory=deque)


class ConnectionPool:
    """Gives out connections, each to one request at a time.

    `max_connections` counts idle ones too: the one that has been idle for longest gives way. A request that finds no
    place waits in line, first for one of its origin's, then for one of all.
    """

    def __init__(self, *, max_connections: int, max_per_origin: int, max_idle: int, keep_idle_seconds: float) -> None:
        self._max_connections = max_connections
        self._max_per_origin = max_per_origin
        self._max_idle = max_idle
        self._keep_idle_seconds = keep_idle_seconds
        self._origins: dict[str, _Origin] = {}
        self._idle: OrderedDict[Connection, float] = OrderedDict()
        self._queue: Queue = deque()
        self._open = 0
        self._all: set[Connection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None

    async def acquire(self, key: str, dial: Dial, until: float, *, fresh: bool = False) -> Connection:
        """A connection to an origin (`https://ghcr.io`); give it back with `release`.

        `until` is how long to wait for a place (the event loop's time). `fresh`: not one that has served before. Raises
        `PoolTimeout` and what `dial` raises.
        """
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin()
        if origin.busy >= self._max_per_origin:
            await _stand_in_line(origin.queue, until, at_origin=True, pass_on=lambda: self._leave(key, origin))
        else:
            origin.busy += 1
        try:
            if origin.idle and not fresh:
                connection = origin.idle.pop()
                del self._idle[connection]
                return connection
            return await self._new(key, dial, until)
        except BaseException:
            self._leave(key, origin)
            raise

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """Give a connection back, which is kept where it is `reusable` and nobody else needs its place."""
        key = connection.origin
        origin = self._origins[key]
        if reusable and not connection.closed and not self._queue and len(self._idle) < self._max_idle:
            origin.idle.append(connection)
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.time()
            if self._sweep_timer is None:
                self._sweep_timer = loop.call_later(self._keep_idle_seconds, self._sweep)
        else:
            self._drop(connection)
        self._leave(key, origin)

    async def aclose(self) -> None:
        """Close every connection. What is under way on them breaks off."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for connection in list(self._all):
            connection.abort()
        # The event loop tells each connection in its next turns; it may be closed right after this.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _new(self, key: str, dial: Dial, until: float) -> Connection:
        if self._open < self._max_connections:
            self._open += 1
        elif self._idle:
            self._forget_idle(next(iter(self._idle))).abort()
        else:
            await _stand_in_line(self._queue, until, at_origin=False, pass_on=self._give_place)
        try:
            connection = await dial(lambda: Connection(key, self._lost))
        except BaseException:
            self._give_place()
            raise
        self._all.add(connection)
        return connection

    def _leave(self, key: str, origin: _Origin) -> None:
        """Give an origin's place to the next in line."""
        if _wake_next(origin.queue):
            return
        origin.busy -= 1
        if not origin.busy and not origin.idle:
            # The table is no larger than what is open or under way.
            self._origins.pop(key, None)

    def _give_place(self) -> None:
        """Give the place of a connection that is gone to the next in line."""
        if not _wake_next(self._queue):
            self._open -= 1

    def _drop(self, connection: Connection) -> None:
        self._all.discard(connection)
        connection.abort()
        self._give_place()

    def _lost(self, connection: Connection) -> None:
        """Called by a connection that is gone. One that is in use is still released by its user."""
        if connection in self._idle:
            self._forget_idle(connection)
            self._drop(connection)

    def _forget_idle(self, connection: Connection) -> Connection:
        origin = self._origins[connection.origin]
        origin.idle.remove(connection)
        del self._idle[connection]
        self._all.discard(connection)
        if not origin.busy and not origin.idle:
            del self._origins[connection.origin]
        return connection

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep_timer = None
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            left = since + self._keep_idle_seconds - loop.time()
            if left > 0:
                self._sweep_timer = loop.call_later(left, self._sweep)
                return
            self._drop(self._forget_idle(connection))


async def _stand_in_line(queue: Queue, until: float, *, at_origin: bool, pass_on: Callable[[], None]) -> None:
    """Wait for a place, which whoever leaves one hands over. `pass_on` hands it to the next where it comes too late."""
    place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    queue.append(place)
    try:
        async with asyncio.timeout_at(until):
            await place
    except BaseException as problem:
        if place.done() and not place.cancelled():
            pass_on()
        elif place in queue:
            queue.remove(place)
        if isinstance(problem, TimeoutError):
            raise PoolTimeout(at_origin=at_origin) from None
        raise


def _wake_next(queue: Queue) -> bool:
    while queue:
        place = queue.popleft()
        if not place.done():
            place.set_result(None)
            return True
    return False

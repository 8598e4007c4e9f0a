"""One asks a registry for all who wait: in this process by a task that they share, and beyond it by a lock.

The task is nobody's own. A caller that leaves leaves the others their answer; when the last one has left, it ends.
Processes, and threads with event loops of their own, stand in line for one byte of a file, chosen by what is asked for
(open file description locks, fcntl(2)). The kernel takes the lock from whoever dies. Who gets it looks first whether
the answer has come meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
Begin = Callable[[], Coroutine[Any, Any, T]]

# struct flock: type, whence, start, length, process (0 for these locks).
_FLOCK = struct.Struct("@hhqqi4x")
_POLL_SECONDS = 0.01


class _Flight(Generic[T]):
    """A task, how many wait for it, and what wakes them."""

    __slots__ = ("task", "waiters", "waiting")

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.waiting = 0
        self.waiters: list[asyncio.Future[None]] = []
        task.add_done_callback(self._wake)

    async def outcome(self) -> T:
        """What the task comes to. Whoever is cancelled here leaves it as it is (asyncio.shield costs twice this)."""
        if not self.task.done():
            waiter = self.task.get_loop().create_future()
            self.waiters.append(waiter)
            await waiter
        return self.task.result()

    def _wake(self, _: asyncio.Task[T]) -> None:
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Flights(Generic[T]):
    """What is being asked for in this process, for each event loop by itself."""

    def __init__(self) -> None:
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Flight[T]]] = WeakKeyDictionary()

    async def join(self, key: Hashable, begin: Begin[T], ended: Callable[[], None]) -> tuple[T, bool]:
        """The outcome of what is under way for the key, begun now where nothing is; and whether it was under way.

        `ended` is called once where it was begun, however it ends.
        """
        flights = self._flights()
        flight = flights.get(key)
        was_under_way = flight is not None
        if flight is None:
            flight = self._begun(key, begin, ended)
        flight.waiting += 1
        try:
            return await flight.outcome(), was_under_way
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # Whoever comes now begins anew.
                self._ended(key, flight)
                flight.task.cancel()

    def begin(self, key: Hashable, begin: Begin[T], ended: Callable[[], None]) -> None:
        """Begin it, where it isn't under way, for nobody in particular: it goes on whoever leaves."""
        if key not in self._flights():
            self._begun(key, begin, ended).waiting += 1

    def _flights(self) -> dict[Hashable, _Flight[T]]:
        return self._by_loop.setdefault(asyncio.get_running_loop(), {})

    def _begun(self, key: Hashable, begin: Begin[T], ended: Callable[[], None]) -> _Flight[T]:
        flight = _Flight(asyncio.get_running_loop().create_task(begin()))
        self._flights()[key] = flight
        flight.task.add_done_callback(lambda _: self._ended(key, flight))
        # Not within the task: one that is cancelled before it has begun runs nothing.
        flight.task.add_done_callback(lambda _: ended())
        return flight

    def _ended(self, key: Hashable, flight: _Flight[T]) -> None:
        flights = self._by_loop.get(flight.task.get_loop(), {})
        if flights.get(key) is flight:
            del flights[key]


@asynccontextmanager
async def alone(path: str, key: str) -> AsyncIterator[None]:
    """Nobody else on this machine is within this block for the same key. Waits for as long as that takes.

    Where the file can't be used nobody waits: then a registry is asked once by each process.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        await _until(lambda: _locked(descriptor, key))
        yield
    finally:
        os.close(descriptor)


async def _until(is_done: Callable[[], bool]) -> None:
    # Nobody tells whoever waits for another process.
    while not is_done():  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)


def _locked(descriptor: int, key: str) -> bool:
    start = int.from_bytes(blake2b(key.encode(), digest_size=7).digest())
    wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # The file system has no such locks.
        return True
    return True

"""One connection to a registry: at most one request under way, a deadline for it, and back-pressure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from routing.registries.http.reader import FramingError, ResponseReader

# More than this that nobody has taken stops the reading.
_MAX_QUEUED_BYTES = 256 * 1024


class ConnectionLost(Exception):
    """The connection broke before the answer was whole."""


class Connection(asyncio.Protocol):
    """`origin` and `has_served` are the pool's. `on_lost` is called once, when the connection is gone."""

    def __init__(self, origin: str, on_lost: Callable[[Connection], None]) -> None:
        self.origin = origin
        self.has_served = False
        self.closed = False
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        self._paused = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, after the TLS handshake where there is one."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called for each read."""
        reader = self._reader
        if reader is None:
            # Nobody asked for this.
            self.abort()
            return
        try:
            reader.feed(data)
        except FramingError as error:
            self._fail(error)
            return
        if reader.status:
            self._wake()
            if reader.queued > _MAX_QUEUED_BYTES and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, at the end."""
        self.closed = True
        if self._reader is not None and self._error is None:
            try:
                if exc is not None and not self._reader.complete:
                    raise ConnectionLost
                self._reader.end()
            except (FramingError, ConnectionLost) as error:
                self._error = error
        self._wake()
        self._on_lost(self)

    # What the client calls.

    def begin(self, reader: ResponseReader, request: bytes, deadline: float) -> None:
        """Send a request, whose answer `reader` takes and which is over by `deadline` (the event loop's time)."""
        self._reader = reader
        if self.closed or self._transport is None:
            self._error = ConnectionLost()
            return
        self._timer = self._loop.call_at(deadline, self._expire)
        self._transport.write(request)

    async def head(self) -> None:
        """Wait for the head. Raises `FramingError`, `ConnectionLost`, `TimeoutError`."""
        reader = self._reader
        assert reader is not None
        while not reader.status:
            await self._wait()

    async def part(self, idle_seconds: float | None) -> bytes | None:
        """The next part of the body, of whatever length; None at its end. Raises as `head`.

        `idle_seconds`: wait for it so long instead of until the deadline.
        """
        reader = self._reader
        assert reader is not None
        while not reader.parts:
            if reader.complete:
                return None
            if idle_seconds is not None:
                self._set_timer(self._loop.time() + idle_seconds)
            await self._wait()
        if idle_seconds is not None:
            # As long as nobody waits, the reader of the stream is the slow one.
            self._set_timer(None)
        data = reader.take()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """End the exchange, wherever it is. Says whether the connection may serve another one."""
        self._set_timer(None)
        reader, self._reader = self._reader, None
        # What was raised holds the frames that it passed, and those hold this connection: a circle that only the
        # garbage collector would find, while everybody waits for it.
        error, self._error = self._error, None
        self.has_served = True
        if reader is None or not reader.complete:
            if reader is not None:
                reader.let_go()
            return False
        return not (self.closed or error or self._paused) and reader.keep_alive

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if self._transport is not None:
            self._transport.abort()

    def tls_object(self) -> object:
        """The `ssl.SSLObject` of this connection; None without TLS."""
        return self._transport.get_extra_info("ssl_object") if self._transport is not None else None

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire) if when is not None else None

    def _expire(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

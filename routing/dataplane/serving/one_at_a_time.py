"""One request of a connection at a time: what was read behind one that is not answered yet waits as bytes.

uvicorn's parser takes all that was read, and each request that it finds becomes objects of some kilobytes; 30 bytes are
enough for one. So it is fed piece by piece, and no piece reaches beyond the end of a request.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from routing.dataplane.serving.body_guard import max_body_bytes

_PIECE_BYTES = 8 * 1024
# Where a body of unknown length ends, only the parser knows. No request has fewer than some 20 bytes.
_CHUNKED_PIECE_BYTES = 512
# What may wait behind a request: clients of registries send nothing there.
MAX_WAITING_BYTES = 32 * 1024
_EMPTY_LINES = (b"\n\r\n", b"\n\n")


class OneAtATimeProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, whose parser gets nothing while a request is unanswered.

    `within_request`: a request has begun to arrive, and has not come to its end. `waiting`: what was read and not fed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.within_request = False
        self.waiting = b""
        self._is_deaf = False
        # The last bytes of a head that is not whole: its last line's end may come with the next read.
        self._tail = b""
        self._body_left: int | None = None
        self._drops_body = False

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once. Nothing of the connection is left in a circle, for the garbage collector."""
        super().connection_lost(exc)
        if isinstance(self.flow, _Flow):
            self.flow.let_go()

    def data_received(self, data: bytes) -> None:
        """Called for each read that goes to the parser."""
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self.waiting:
            data = self.waiting + data
            self.waiting = b""
        position = 0
        while position < len(data):
            if self.parser is None or self.transport.is_closing() or self._is_deaf:
                return
            if self._has_enough():
                self._keep(data[position:])
                return
            if not self.within_request:
                # Empty lines before a request are none of it (RFC 9112 §2.2).
                position = len(data) - len(data[position:].lstrip(b"\r\n"))
            end = self._end_of_piece(data, position)
            if position < end:
                self.feed(data[position:end])
            position = end

    def feed(self, piece: bytes) -> None:
        """Hand a piece to the parser."""
        super().data_received(piece)
        self._tail = (self._tail + piece)[-2:] if self.within_request and self._body_left is None else b""

    def on_message_begin(self) -> None:
        """Called by the parser at a request's first byte."""
        self.within_request, self._body_left = True, None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called by the parser once it has a request's header fields."""
        self._body_left = 0
        for name, value in self.headers:
            if name == b"transfer-encoding":
                self._body_left = -1
            elif name == b"content-length" and self._body_left == 0:
                self._body_left = int(value)
        super().on_headers_complete()
        self._drops_body = max_body_bytes(self.scope["path"]) == 0

    def on_body(self, body: bytes) -> None:
        """Called by the parser for each part of a request's body."""
        if self._body_left is not None and self._body_left > 0:
            self._body_left -= len(body)
        if self._drops_body and not self.cycle.response_complete:
            # Nobody reads it (body_guard.py); the rest comes when the request is answered.
            self.flow.pause_reading()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by the parser after a request's last byte."""
        self.within_request, self._body_left = False, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called after an answer's last byte. What waited is fed in the event loop's next turn."""
        # The cycle stays until the next request.
        self.cycle.body = bytearray()
        super().on_response_complete()

    def feed_waiting(self) -> None:
        """Go on with what was read before, soon, as far as that is possible then."""
        if self.waiting:
            self.loop.call_soon(self._feed_waiting)

    def _feed_waiting(self) -> None:
        if self.waiting:
            self._take(b"")

    def _has_enough(self) -> bool:
        """Whether a whole request waits for its answer, or one that is arriving for somebody to read its body."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return not self.within_request or len(cycle.body) > HIGH_WATER_LIMIT

    def _keep(self, data: bytes) -> None:
        self.flow.pause_reading()
        if self.within_request or len(data) <= MAX_WAITING_BYTES:
            self.waiting = data
        else:
            # A client has to send again what a closed connection left unanswered (RFC 9112 §9.3.2).
            self._is_deaf = True
            self.cycle.keep_alive = False

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Where the piece ends that is fed next: it has the end of one request at most."""
        if self._body_left is not None and self._body_left != 0:
            size = _CHUNKED_PIECE_BYTES if self._body_left < 0 else min(self._body_left, _PIECE_BYTES)
            return min(start + size, len(data))
        seen = self._tail + data[start : start + _PIECE_BYTES]
        ends = [seen.find(line) + len(line) for line in _EMPTY_LINES if line in seen]
        size = min(ends) if ends else len(seen)
        return start + size - len(self._tail)


class _Flow(FlowControl):
    """uvicorn's flow control. Whoever wants to read on gets what waits first."""

    def __init__(self, transport: asyncio.Transport, protocol: OneAtATimeProtocol) -> None:
        super().__init__(transport)
        self._protocol: OneAtATimeProtocol | None = protocol

    def resume_reading(self) -> None:
        """Called by the application that reads a body, and after each answer."""
        super().resume_reading()
        if self._protocol is not None:
            self._protocol.feed_waiting()

    def let_go(self) -> None:
        """The connection is gone: nothing that waits is fed any more."""
        self._protocol = None

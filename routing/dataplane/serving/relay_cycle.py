"""The way of a plain request that somebody else has to be asked about: past the parser and ASGI, in one task.

**Which.** The fast lane has read one whole plain request (raw_request.py) of a connection that owes no answer, and has
decided on it: relay it, say where a blob is, or get a token. `takes` says whether it goes this way. A blob that would
be streamed, a request that is logged, HTTP/1.0 and whatever is not plain go on to uvicorn's parser and the application
(asgi.py). Both ways ask `HandledRequest.upstream_response`, so that limits, deadlines, the guard, counts and the answer
itself are the same; tests hold the bytes of both against each other, those to the client and those to the registry.

**The cycle.** uvicorn's protocol knows by its `cycle` what is under way on a connection: whether an answer is owed,
whether it may keep the connection, who is to be told when the client leaves. `RelayCycle` stands there in place of
uvicorn's own, with all that the protocol looks at. So everything around an answer works as for any other: what the
client sends meanwhile waits as bytes (one_at_a_time.py), deadlines (connection_limits.py), the worker's end (`shutdown`
takes `keep_alive` away, and waits for the tasks in `server_state.tasks`), the redirect that comes next.

**The answer.** It is whole in memory by then, within the place's budget. Head and body are written in one go, a long
body beside its head and not copied. Of a very long one the kernel would take megabytes at once, and be at it for
milliseconds: it gets a piece in each turn of the event loop, until the client is behind. Then the task waits for the
client to have taken it, but for what the server buffers of any answer, and only then releases the place. A client that
takes nothing is let go by the deadline.

**The client leaves.** The event loop tells the protocol, which cancels the task: nothing is asked on for nobody. A task
that has not begun yet is not cancelled, since then nothing in it would run, but ends by itself.

**The next request.** The keep-alive timer is left as it is. When it ends, it looks at how long ago the last answer was,
as after a redirect.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from routing.core.decisions import LocateBlob, Redirect, Token
from routing.dataplane.request.client_request import from_plain
from routing.dataplane.request.responses import Response
from routing.dataplane.serving.handler import Decided, HandledRequest
from routing.dataplane.upstream.dispatch import NeedsRegistry

if TYPE_CHECKING:
    from routing.dataplane.serving.fast_lane import FastLaneProtocol

logger = logging.getLogger(__name__)

#: A body of at most this length is copied behind its head, which costs less than a second buffer.
JOINED_BYTES = 16 * 1024
#: How a head ends, where the connection goes on and where it closes.
END_OF_HEAD, CLOSING_END_OF_HEAD = b"\r\n", b"connection: close\r\n\r\n"
# What is given to the kernel in one turn of the event loop, of a body that is longer.
_PIECE_BYTES = 256 * 1024
_BODILESS = (204, 304)
# What no field may hold (RFC 9110 §5.5): it would end the line early, or show it as another one.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_MAX_KNOWN_NAME = 40


def takes(decided: Decided) -> bool:
    """Whether the answer to a plain request comes this way. It has come whole, with no body and without `Expect`."""
    decision = decided.decision
    if decided.request.is_http_1_0 or not decided.request.query.isascii():
        return False
    return isinstance(decision, NeedsRegistry) and not _may_stream(decision)


def _may_stream(decision: NeedsRegistry | Redirect) -> bool:
    if isinstance(decision, Token | Redirect):
        return False
    if isinstance(decision, LocateBlob) and decision.registry.stream_blobs:
        return True
    return decision.former is not None and _may_stream(decision.former.decision)


class RelayCycle:
    """A request under way and its answer, as uvicorn's protocol looks at them."""

    #: uvicorn's protocol sets it when the client leaves. Nobody waits for it here.
    message_event = asyncio.Event()
    more_body = False

    __slots__ = ("_has_begun", "_task", "body", "disconnected", "keep_alive", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.body = bytearray()
        self._has_begun = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, protocol: FastLaneProtocol, decided: Decided, data: bytes) -> None:
        """Answer a request, of which `data` is every byte."""
        peer_address = protocol.client[0] if protocol.client else ""
        request = from_plain(data, decided.request, protocol.scheme or "http", peer_address)
        handled = HandledRequest(decided.table, decided.decision, request, time.perf_counter())
        self._task = task = protocol.loop.create_task(self._answer(protocol, handled))
        # uvicorn waits for these at its end.
        protocol.tasks.add(task)

    def leave(self) -> None:
        """The client has left."""
        self.disconnected = True
        if self._task is not None and self._has_begun:
            self._task.cancel()

    async def _answer(self, protocol: FastLaneProtocol, handled: HandledRequest) -> None:
        self._has_begun = True
        try:
            if self.disconnected:
                handled.measure(None)
                return
            held = await handled.upstream_response(b"", persistent_loop=True)
            try:
                assert isinstance(held.answer, Response)
                await self._send(protocol, held.answer, handled.request.method)
            finally:
                held.release()
        except asyncio.CancelledError:
            if not self.disconnected:
                raise
        except Exception:
            logger.exception("answering a request failed; its connection is closed")
            was_answered, self.response_complete = self.response_complete, True
            if was_answered:
                protocol.transport.abort()
            else:
                protocol.abort_with(500, b"Internal Server Error")
        finally:
            protocol.tasks.discard(self._task)
            self._task = None

    async def _send(self, protocol: FastLaneProtocol, answer: Response, method: str) -> None:
        """Write the answer. Returns when the client has taken it, but for what the server buffers."""
        if self.disconnected:
            return
        rest = self._write(protocol, answer, method)
        while rest and not protocol.flow.write_paused:
            await asyncio.sleep(0)
            if protocol.transport.is_closing():
                return
            protocol.transport.write(rest[:_PIECE_BYTES])
            rest = rest[_PIECE_BYTES:]
        if rest:
            # What the client has not taken waits beside the rest, and one deadline holds for all of it.
            protocol.transport.write(rest)
        if protocol.flow.write_paused:
            await protocol.flow.drain()
        if self.disconnected:
            return
        self._end(protocol)

    def _write(self, protocol: FastLaneProtocol, answer: Response, method: str) -> memoryview:
        """Write the head and the body, or its first piece. Returns what is left of it."""
        transport, body = protocol.transport, b"" if method == "HEAD" else answer.body
        lines = server_lines(tuple(protocol.server_state.default_headers))
        end = END_OF_HEAD if self.keep_alive else CLOSING_END_OF_HEAD
        head = head_of(lines, answer, has_body=method != "HEAD") + end
        if len(body) <= JOINED_BYTES:
            transport.write(head + body)
            return memoryview(b"")
        whole = memoryview(body)
        transport.writelines((head, whole[:_PIECE_BYTES]))
        return whole[_PIECE_BYTES:]

    def _end(self, protocol: FastLaneProtocol) -> None:
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_relayed()


def head_of(lines: bytes, answer: Response, *, has_body: bool) -> bytes:
    """Status line, the server's own `lines`, and fields, as uvicorn writes them; without the end.

    Raises ValueError for what no field may hold.
    """
    text = _fields(tuple(answer.headers))
    if has_body and answer.status not in _BODILESS and b"content-length: " not in text:
        text += b"content-length: %d\r\n" % len(answer.body)
    return b"".join((STATUS_LINE[answer.status], lines, text))


# All who wait for one answer get the same fields, one right after the other.
@lru_cache(maxsize=8)
def _fields(headers: tuple[tuple[str, str], ...]) -> bytes:
    text = "".join(
        [
            f"{_lower(name) if len(name) <= _MAX_KNOWN_NAME else _read_name(name)}: {value}\r\n"
            for name, value in headers
        ]
    )
    if _CONTROL.search("".join([value for _, value in headers])):
        raise ValueError("a header field holds what no header field may hold")
    return text.encode("latin-1")


@lru_cache(maxsize=2)
def server_lines(default_headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """uvicorn's own fields, Date among them, which change once a second."""
    return b"".join([b"%b: %b\r\n" % header for header in default_headers])


def _read_name(name: str) -> str:
    lowered = name.lower()
    if not _NAME.fullmatch(lowered):
        raise ValueError("the name of a header field holds what no such name may hold")
    return lowered


# The names of an answer are the same few again and again.
_lower = lru_cache(maxsize=256)(_read_name)

"""Bounds on what clients can hold of a worker by sending slowly, much or nothing: memory and file descriptors.

uvicorn has a time limit for idle connections only, and its parser keeps a head of any length. A proxy in front has
bounds of its own, but nothing here may depend on there being one.
"""

import asyncio
import logging
import resource
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from routing.dataplane.request.forwarded import UNIX
from routing.dataplane.serving.one_at_a_time import OneAtATimeProtocol
from routing.dataplane.serving.peers import peers
from routing.dataplane.telemetry.counters import CONNECTIONS_OVER_ALL, CONNECTIONS_OVER_SHARE, counters

logger = logging.getLogger(__name__)

# Longer than any client's: the longest field is a Bearer token, of which some registries' have 8 KiB.
MAX_HEAD_BYTES = 32 * 1024
# What a worker opens beside connections of clients and to registries: files, pipes, the database, and up to two sockets
# for each of 64 names that are looked up.
_OTHER_FILES = 256


def _is_unix(transport: Any) -> bool:
    connection = transport.get_extra_info("socket")
    return getattr(getattr(connection, "family", None), "name", "") == "AF_UNIX"


class TimeoutProtocol(OneAtATimeProtocol):
    """uvicorn's HTTP/1.1 protocol, which waits for nothing longer than for the next request on an idle connection.

    A request has that long to arrive whole, a new connection to bring one, and a client to go on taking its answer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answered_at = 0.0
        self._began_at = 0.0
        self._write_paused_at: float | None = None
        self._closing_since: float | None = None
        self._is_lost = False
        self._timeouts: asyncio.TimerHandle | None = None
        self._address = ""
        self._head_bytes: int | None = None

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once. One too many, in all or of its address, is closed at once."""
        super().connection_made(transport)
        if self.client is None and _is_unix(transport):
            # In place of an address, which such a peer has not.
            self.client = (UNIX, 0)
        self._address = self.client[0] if self.client else ""
        is_within_share = not self._address or peers.connect(self._address, max_connections())
        if not is_within_share or len(self.connections) > max_connections():
            counters.add(CONNECTIONS_OVER_ALL if is_within_share else CONNECTIONS_OVER_SHARE)
            transport.abort()
            return
        self._began_at = self.loop.time()
        self._check_timeouts_in(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once."""
        self._is_lost = True
        # A timer keeps all that belongs to the connection for a minute after its end. Of a flood of short ones that
        # would be thousands, through which the garbage collector looks while everybody waits.
        if self._timeouts is not None:
            self._timeouts.cancel()
            self._timeouts = None
        # uvicorn does so only where nothing went wrong.
        self._unset_keepalive_if_required()
        if self._address:
            peers.disconnect(self._address)
        super().connection_lost(exc)

    def count_as(self, address: str) -> None:
        """From now on the connection is this address's, as a proxy says. One too many of its own is closed at once."""
        if self._address:
            peers.disconnect(self._address)
        self._address = address
        if not peers.connect(address, max_connections()):
            counters.add(CONNECTIONS_OVER_SHARE)
            self.transport.abort()

    def feed(self, piece: bytes) -> None:
        """Hand a piece to the parser."""
        super().feed(piece)
        if self._head_bytes is not None:
            # Of the piece in which a head begins, all is counted.
            self._head_bytes += len(piece)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.abort_with(431, b"The header fields are longer than %d bytes.\n" % MAX_HEAD_BYTES)

    def on_message_begin(self) -> None:
        """Called by the parser at a request's first byte."""
        self._began_at, self._head_bytes = self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called by the parser once it has a request's header fields."""
        self._head_bytes = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Called by the transport when the client leaves too much of its answers lying."""
        self._write_paused_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Called by the transport when it has taken enough of them."""
        self._write_paused_at = None
        super().resume_writing()

    def _check_timeouts(self) -> None:
        """Close the connection if it has waited too long; else look again when it may have."""
        if self._is_lost:
            return
        now = self.loop.time()
        if self.transport.is_closing() and self._closing_since is None:
            # It stays open for as long as the client leaves an answer lying.
            self._closing_since = now
        never_asked = self.cycle is None and not self.answered_at
        waits = [self._began_at] if self.within_request or never_asked else []
        waits += [since for since in (self._write_paused_at, self._closing_since) if since is not None]
        longest = now - min(waits) if waits else 0.0
        if longest < self.timeout_keep_alive:
            self._check_timeouts_in(self.timeout_keep_alive - longest)
        elif len(waits) > 1 or not self.within_request:
            self.transport.abort()
        else:
            self.abort_with(408, b"The request took too long to arrive.\n")
            self._check_timeouts_in(self.timeout_keep_alive)

    def _check_timeouts_in(self, seconds: float) -> None:
        self._timeouts = self.loop.call_later(seconds, self._check_timeouts)

    def abort_with(self, status: int, text: bytes) -> None:
        """Answer with a text, and close. Where an answer is under way, close alone."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer is under way, to this request or to one before it.
            self.transport.abort()
            return
        fields = [*self.server_state.default_headers, (b"content-type", b"text/plain; charset=utf-8")]
        fields += [(b"content-length", b"%d" % len(text)), (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + text)
        self.transport.close()


_allowed: int | None = None


def max_connections() -> int:
    """How many connections of clients this worker keeps open at once: what the operator says, and files allow."""
    global _allowed
    if _allowed is None:
        _allowed = _within_files(settings.FACADE_MAX_CONNECTIONS, settings.FACADE_MAX_RELAYS + _OTHER_FILES)
    return _allowed


def _within_files(wanted: int, others: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + others:
        soft = wanted + others if hard == resource.RLIM_INFINITY else min(wanted + others, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted + others:
        return wanted
    allowed = max(soft - others, soft // 2)
    logger.warning("%d open files allow %d connections a worker, not %d (ulimit -n)", soft, allowed, wanted)
    return allowed

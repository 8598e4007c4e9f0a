"""Connections that ask for pages go on in processes of their own, where no page keeps a redirect waiting.

A worker knows only from a request's head whether it is for a control host. By then it holds the connection and has read
the request's beginning. It hands both to a control worker, as a message with the socket's descriptor, and forgets them:
the control worker reads what was read before, reads on, and answers, to the same peer, as if it had accepted the
connection. Nothing is copied afterwards, and bodies, answers and what closes a connection need no thought here.

The messages wait in a pair of sockets that gunicorn's first process makes, so a control worker that is killed loses
none of those that it has not taken. Where there is no control worker, or no room for one message more, the worker
answers the request itself. Who the client is, a control worker learns as the worker did: by the connection, or by the
PROXY header before its first byte (proxy_header.py), which is kept for that and sent along.

A control worker answers whatever comes on its connections, requests of registry clients too. A proxy's connections
carry both, so it closes those after each answer: otherwise they would gather there, one by one.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from routing.dataplane.serving.fast_lane import FastLaneProtocol, is_draining, take_arrived
from routing.dataplane.serving.handler import HAND_OVER

logger = logging.getLogger(__name__)

# What is kept of a request: a head and what of a body is read before somebody wants it. Of a longer one nothing is.
_MOST_READ_BYTES = 128 * 1024
# What may wait to be taken. A message is one piece, so it has to have room for the longest.
_QUEUE_BYTES = 1024 * 1024
# So many connections are taken in one turn of the event loop.
_AT_ONCE = 32


class Handover:
    """The way from the workers to the control workers. Made before they are forked."""

    def __init__(self) -> None:
        self._giving, self._taking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._giving, self._taking):
            end.setblocking(False)
        self._giving.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _QUEUE_BYTES)
        # One byte, shared by all processes.
        self._is_open = mmap.mmap(-1, 1)

    def keep_one_end(self, *, taking: bool) -> None:
        """Close the end that this process, a control worker or another one, has no use for."""
        (self._giving if taking else self._taking).close()

    def open(self, is_open: bool) -> None:
        """Say whether there is anybody who takes connections."""
        self._is_open[0] = is_open

    def give(self, descriptor: int, read: bytes) -> bool:
        """Send a connection and what was read from it. False: nobody takes it, or there is no room for it."""
        if not self._is_open[0]:
            return False
        try:
            # An empty message would be the end.
            socket.send_fds(self._giving, [b"\0", read], [descriptor])
        except OSError:
            return False
        return True

    def take(self) -> tuple[socket.socket, bytes] | None:
        """The connection that waits longest, and what was read from it. None: there is none.

        Raises OSError where the process can open no more.
        """
        try:
            message, descriptors, _, _ = socket.recv_fds(
                self._taking, _QUEUE_BYTES, 1, socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
            )
        except (BlockingIOError, InterruptedError):
            return None
        if not descriptors:
            # The kernel has closed what there was no descriptor for.
            raise OSError("a connection could not be taken: too many files are open")
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        return connection, message[1:]

    def fileno(self) -> int:
        """Of the end from which connections are taken."""
        return self._taking.fileno()


class GivingProtocol(FastLaneProtocol):
    """The worker's protocol. It keeps what it has read of a request until somebody begins to answer it."""

    handover: Handover

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read: bytearray | None = None

    def feed(self, piece: bytes) -> None:
        """Hand a piece to the parser."""
        if not self.within_request:
            # A piece reaches no further than to the end of a request, so this one begins with it.
            self._read = bytearray()
        if self._read is not None:
            self._read += piece
            if len(self._read) > _MOST_READ_BYTES:
                self._read = None
        super().feed(piece)

    def on_response_complete(self) -> None:
        """Called after an answer's last byte."""
        self._read = None
        self._forget_way()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once."""
        super().connection_lost(exc)
        self._forget_way()

    def on_headers_complete(self) -> None:
        """Called by the parser once it has a request's header fields."""
        super().on_headers_complete()
        if self._read is not None and not self.pipeline:
            self.scope[HAND_OVER] = partial(self._hand_over, self.cycle)  # type: ignore[literal-required]  # ours

    def _hand_over(self, cycle: Any) -> bool:
        read, self._read = self._read, None
        if read is None or cycle is not self.cycle or cycle.disconnected or self._is_held():
            return False
        # Before the descriptor is gone, so that nothing is read that would be lost.
        self.flow.pause_reading()
        # A proxy's header goes along: who the client is, the control worker reads there as it was read here.
        begun = self.proxy_header + read
        whole = b"".join((begun, self.waiting, *take_arrived(self)))
        if not self.handover.give(self.transport.get_extra_info("socket").fileno(), whole):
            self.waiting = whole[len(begun) :]
            self.flow.resume_reading()
            return False
        # Nobody is there any more whom this process could answer. It closes its own descriptor of the connection only.
        cycle.disconnected = True
        self.transport.abort()
        return True

    def _forget_way(self) -> None:
        """The request isn't handed over any more: its scope would hold it, and it holds its scope."""
        if self.scope is not None:
            self.scope.pop(HAND_OVER, None)  # type: ignore[misc]  # ours

    def _is_held(self) -> bool:
        """Whether this process has to keep the connection."""
        transport = self.transport
        unsent = transport.get_write_buffer_size()
        ends_tls = transport.get_extra_info("sslcontext") is not None
        return is_draining() or bool(unsent) or transport.is_closing() or ends_tls


class TakingProtocol(FastLaneProtocol):
    """The control worker's protocol, on a connection that a worker has begun to read."""

    def __init__(self, *args: Any, read: bytes, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read = read

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once."""
        super().connection_made(transport)
        read, self._read = self._read, b""
        if not transport.is_closing():
            # Not always this one: a proxy's header is read by another.
            transport.get_protocol().data_received(read)

    @property
    def closes_after_answers(self) -> bool:
        """Whether many clients' requests come on it. By then a header has said whether they are one client's alone."""
        return self.behind_proxy


class Taker:
    """Takes connections for as long as a control worker serves. `make` makes the protocol for what was read of one."""

    def __init__(self, handover: Handover, make: Callable[[bytes], TakingProtocol]) -> None:
        self._handover, self._make = handover, make
        self._loop = asyncio.get_running_loop()
        self._adopting: set[asyncio.Task[None]] = set()
        self._loop.add_reader(handover.fileno(), self._take)
        handover.open(True)

    def stop(self) -> None:
        """Take what waits, and no more."""
        self._loop.remove_reader(self._handover.fileno())
        while self._take():
            pass

    def _take(self) -> bool:
        for _ in range(_AT_ONCE):
            try:
                taken = self._handover.take()
            except OSError as error:
                logger.warning("%s", error)
                return False
            if taken is None:
                return False
            task = self._loop.create_task(self._adopt(*taken))
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)
        return True

    async def _adopt(self, connection: socket.socket, read: bytes) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._make(read), connection)
        except OSError as error:
            connection.close()
            logger.warning("a connection could not be taken: %s", error)

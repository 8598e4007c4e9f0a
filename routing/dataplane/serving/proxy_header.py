"""Reads the PROXY header at the beginning of a trusted proxy's connection, and gives it the client's address.

It stands before the connection's own protocol until the first bytes are known, and then leaves: a connection of
anybody else never meets it, and one of a proxy's that sends no header does at its first read alone.

Whether a proxy sends headers is not configured but seen, which the protocol's specification warns of: a client must not
be able to send one. Here nobody could who can't also send X-Forwarded-For: see docs/decisions/0056.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings

from routing.dataplane.request.forwarded import is_trusted
from routing.dataplane.request.proxy_protocol import (
    InvalidProxyHeader,
    ProxyHeader,
    begins_header,
    may_begin_header,
    parse_proxy_header,
)
from routing.dataplane.telemetry.counters import PROXY_HEADERS_LATE, PROXY_HEADERS_MALFORMED, Key, counters

if TYPE_CHECKING:
    from routing.dataplane.serving.fast_lane import FastLaneProtocol

logger = logging.getLogger(__name__)

# Proxies send it in one piece, before all else.
HEADER_SECONDS = 5.0
_told: set[str] = set()


def tell_of_header(peer: str, why: str) -> None:
    """Log that a peer's header was refused, once for each reason."""
    if why not in _told:
        _told.add(why)
        logger.warning("a PROXY header of %s %s; the connection is closed. This is told once.", peer, why)


class ProxyHeaderReader(asyncio.Protocol):
    """In place of a connection's `protocol`, until it is known whether a header comes first."""

    def __init__(self, protocol: FastLaneProtocol, transport: Any) -> None:
        self._protocol, self._transport = protocol, transport
        self._read = b""
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Called by the event loop for each read."""
        self._read += data
        if not may_begin_header(self._read):
            self._leave()
            return
        try:
            header = parse_proxy_header(self._read)
        except InvalidProxyHeader as error:
            self._refuse(PROXY_HEADERS_MALFORMED, f"can't be read: {error}")
            return
        if header is None:
            if self._timer is None:
                self._timer = self._protocol.loop.call_later(HEADER_SECONDS, self._give_up)
            return
        received, self._read = self._read[: header.length_bytes], self._read[header.length_bytes :]
        self._take(header, received)
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once."""
        self._end_timer()
        self._protocol.connection_lost(exc)

    def eof_received(self) -> None:
        """Called by the event loop where the other side sends no more."""
        self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Called by the transport when the client leaves too much of its answers lying."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Called by the transport when it has taken enough of them."""
        self._protocol.resume_writing()

    def _take(self, header: ProxyHeader, received: bytes) -> None:
        """Take its word for who the client is, and whether it came by TLS.

        The connection is the client's from now on: what it says of itself counts only where it is a trusted proxy.
        """
        protocol = self._protocol
        protocol.proxy_header = received
        if header.client is None or header.destination is None:
            return
        protocol.client = (header.client.address, header.client.port)
        protocol.behind_proxy = is_trusted(header.client.address)
        # Bytes in the clear that were sent to where TLS ends: then it has ended in front.
        by_tls = header.by_tls
        if by_tls or (by_tls is None and header.destination.port == settings.FACADE_PUBLIC_PORT):
            protocol.scheme = "https"
        protocol.count_as(header.client.address)

    def _give_up(self) -> None:
        if begins_header(self._read):
            self._refuse(PROXY_HEADERS_LATE, f"didn't come whole within {HEADER_SECONDS:g} s")
        else:
            # A request may begin so. It has deadlines of its own.
            self._leave()

    def _leave(self) -> None:
        self._end_timer()
        if self._transport.is_closing():
            return
        self._transport.set_protocol(self._protocol)
        read, self._read = self._read, b""
        if read:
            self._protocol.data_received(read)

    def _refuse(self, key: Key, why: str) -> None:
        counters.add(key)
        tell_of_header(self._protocol.client[0] if self._protocol.client else "", why)
        self._end_timer()
        self._transport.abort()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""Connections of the TLS port until their handshakes are over; then the server's own protocol goes on with each.

The event loop's own server would do the handshakes as well, but nobody would count the connections that never finish
theirs, and one address could hold all of a worker's. It would tell no client why it is refused either, nor read what a
proxy says of it before.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from uvicorn.server import ServerState

from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.forwarded import is_trusted
from routing.dataplane.request.proxy_protocol import InvalidProxyHeader, may_begin_header, parse_proxy_header
from routing.dataplane.serving.connection_limits import max_connections
from routing.dataplane.serving.peers import peers
from routing.dataplane.serving.proxy_header import tell_of_header
from routing.dataplane.serving.tls_certificates import CertificateFolder, new_context
from routing.dataplane.serving.tls_transport import TlsTransport
from routing.dataplane.telemetry.counters import (
    CONNECTIONS_OVER_ALL,
    CONNECTIONS_OVER_SHARE,
    HANDSHAKES_FAILED,
    HANDSHAKES_WITHOUT_CERTIFICATE,
    HANDSHAKES_WITHOUT_NAME,
    PROXY_HEADERS_MALFORMED,
    Key,
    counters,
)

# How long a client may take for its part of the handshake, in seconds; a proxy, for what it says before.
_HANDSHAKE_SECONDS = 10.0


class Tls:
    """How this server ends TLS. Made before the workers are forked, which then share the keys of session tickets."""

    def __init__(self, certificates: CertificateFolder, port: int) -> None:
        self._certificates, self._port = certificates, port
        #: With no certificate of its own: the one for the name that the client asks for takes its place.
        self.context = new_context()
        self.context.sni_callback = self._choose

    def listening_among(self, sockets: Sequence[socket.socket]) -> socket.socket | None:
        """The one that listens on the TLS port, of those that gunicorn or systemd has opened; None where none does.

        For a port of the kernel's choice gunicorn's last one: it opens them in the order of its configuration.
        """
        if not self._port:
            return sockets[-1]
        found = (each for each in sockets if isinstance(at := each.getsockname(), tuple) and at[1] == self._port)
        return next(found, None)

    def _choose(self, connection: ssl.SSLObject, asked_for: str | None, _: ssl.SSLContext) -> int | None:
        """Called in each handshake with the name that the client asks for. An alert, or None to go on."""
        name = _known(asked_for)
        if name is None:
            counters.add(HANDSHAKES_WITHOUT_NAME)
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        context = self._certificates.context_for(name)
        if context is None:
            counters.add(HANDSHAKES_WITHOUT_CERTIFICATE)
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = context
        return None


def _known(asked_for: str | None) -> str | None:
    """The name in its normal form, where the table or the settings know it.

    What is suspended is known, too: its clients are to read why they are refused.
    """
    table = live_table.table
    if not asked_for or table is None:
        return None
    try:
        name, _ = parse_authority(asked_for)
    except InvalidHost:
        return None
    return name if name in table.policy.control_hosts or table.match_own_host(name)[1] is not None else None


class TlsListener:
    """Takes the connections of a listening socket, and hands those that have shaken hands to what `make` makes.

    What uvicorn asks of a server it has: `close` and `wait_closed`.
    """

    def __init__(self, tls: Tls, state: ServerState, make: Callable[[], Any]) -> None:
        self.context, self.make = tls.context, make
        self.loop = asyncio.get_running_loop()
        #: Those that have not shaken hands yet.
        self.shaking: set[Handshake] = set()
        self._state = state

    async def listen(self, listening: socket.socket, backlog: int) -> None:
        """Begin to take connections."""
        self._server = await self.loop.create_server(partial(Handshake, self), sock=listening, backlog=backlog)

    @property
    def is_full(self) -> bool:
        """Whether this worker has all the connections that it may have."""
        return len(self._state.connections) + len(self.shaking) >= max_connections()

    def close(self) -> None:
        """Take no more, and wait for nobody who has not even asked."""
        self._server.close()
        for handshake in list(self.shaking):
            handshake.give_up()

    async def wait_closed(self) -> None:
        """Return when no more is taken."""
        await self._server.wait_closed()


class Handshake(asyncio.Protocol):
    """A connection until its handshake is over. It counts in its address' share from its first moment.

    A trusted proxy may name the client before, by a PROXY header: docs/decisions/0056.
    """

    def __init__(self, listener: TlsListener) -> None:
        self._listener = listener
        self._raw: Any = None
        self._counted_as = ""
        # What may be a proxy's header, as far as it came. None: no more is looked for.
        self._head: bytes | None = None

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once. One too many, in all or of its address, is closed at once."""
        self._raw = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._peer = (str(peer[0]), int(peer[1]))
        is_full = self._listener.is_full
        self._listener.shaking.add(self)
        self._timer = self._listener.loop.call_later(_HANDSHAKE_SECONDS, self.give_up)
        if is_full:
            self._refuse(CONNECTIONS_OVER_ALL)
        elif self._count_as(self._peer[0]):
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = self._listener.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            if is_trusted(self._peer[0]):
                self._head = b""

    def data_received(self, data: bytes) -> None:
        """Called by the event loop for each read."""
        if self._head is not None:
            self._head += data
            if not self._is_past_header():
                return
            data, self._head = self._head, None
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except OSError:
            # Anybody can cause it, so it is counted and not logged. The client reads why, in an alert.
            self._flush()
            self._fail()
            self._raw.close()
        else:
            self._leave()
            made = TlsTransport(self._raw, self._tls, self._incoming, self._outgoing, self._peer)
            made.begin(self._listener.make())

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once."""
        self._fail()

    def give_up(self) -> None:
        """Wait no longer."""
        self._fail()
        self._raw.abort()

    def _is_past_header(self) -> bool:
        """Whether what came is the client's from here on. Takes a header's word for who that is."""
        assert self._head is not None
        if not may_begin_header(self._head):
            return True
        try:
            header = parse_proxy_header(self._head)
        except InvalidProxyHeader as error:
            tell_of_header(self._peer[0], f"can't be read: {error}")
            self._refuse(PROXY_HEADERS_MALFORMED)
            return False
        if header is None:
            return False
        self._head = self._head[header.length_bytes :]
        if header.client is None:
            return True
        self._peer = (header.client.address, header.client.port)
        return self._count_as(header.client.address)

    def _count_as(self, address: str) -> bool:
        """Count it as this address's, and nobody else's. False where that has too many, so that it is closed."""
        if self._counted_as:
            peers.disconnect(self._counted_as)
        self._counted_as = address
        if not address or peers.connect(address, max_connections()):
            return True
        self._refuse(CONNECTIONS_OVER_SHARE)
        return False

    def _refuse(self, key: Key) -> None:
        counters.add(key)
        self._leave()
        self._raw.abort()

    def _fail(self) -> None:
        if self in self._listener.shaking:
            counters.add(HANDSHAKES_FAILED)
            self._leave()

    def _leave(self) -> None:
        """It is gone from here on, or its protocol counts it."""
        self._listener.shaking.discard(self)
        self._timer.cancel()
        if self._counted_as:
            peers.disconnect(self._counted_as)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

"""Connections of the TLS port until their handshakes are over; then the server's own protocol goes on with each.

The event loop's own server would do the handshakes as well, but nobody would count the connections that never finish
theirs, and one address could hold all of a worker's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence

from uvicorn.server import ServerState

from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving.connection_limits import max_connections
from routing.dataplane.serving.peers import peers
from routing.dataplane.serving.tls_certificates import CertificateFolder, new_context
from routing.dataplane.telemetry.counters import (
    CONNECTIONS_OVER_ALL,
    CONNECTIONS_OVER_SHARE,
    HANDSHAKES_FAILED,
    HANDSHAKES_WITHOUT_CERTIFICATE,
    HANDSHAKES_WITHOUT_NAME,
    counters,
)

logger = logging.getLogger(__name__)

# How long a client may take for its part of the handshake, and for saying farewell, in seconds.
_HANDSHAKE_SECONDS = 10.0
_FAREWELL_SECONDS = 5.0
# So many connections are taken in one turn of the event loop.
_AT_ONCE = 32
# For so long none are where the process can open no more.
_PAUSE_SECONDS = 1.0


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

    def __init__(self, tls: Tls, listening: socket.socket, state: ServerState, make: Callable[[], asyncio.Protocol]):
        self._tls, self._listening, self._state, self._make = tls, listening, state, make
        self._loop = asyncio.get_running_loop()
        self._shaking: set[asyncio.Task[None]] = set()
        self._is_open = True
        listening.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more, and wait for nobody who has not even asked."""
        self._is_open = False
        self._loop.remove_reader(self._listening.fileno())
        for task in self._shaking:
            task.cancel()

    async def wait_closed(self) -> None:
        """Return when the last of those is gone."""
        await asyncio.gather(*self._shaking, return_exceptions=True)

    def _listen(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("a connection could not be taken: %s", error)
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(_PAUSE_SECONDS, self._listen)
                return
            self._begin(connection, peer[0] if isinstance(peer, tuple) else "")

    def _begin(self, connection: socket.socket, address: str) -> None:
        """Shake hands. One connection too many, in all or of its address, is closed at once."""
        connection.setblocking(False)
        is_within_share = not address or peers.connect(address, max_connections())
        if not is_within_share or len(self._state.connections) + len(self._shaking) >= max_connections():
            counters.add(CONNECTIONS_OVER_ALL if is_within_share else CONNECTIONS_OVER_SHARE)
            connection.close()
            self._forget(address)
            return
        task = self._loop.create_task(self._shake_hands(connection))
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)
        # From here on it is gone, or its protocol counts it.
        task.add_done_callback(lambda _: self._forget(address))

    async def _shake_hands(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make,
                connection,
                ssl=self._tls.context,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_FAREWELL_SECONDS,
            )
        except (OSError, EOFError):
            # ssl's errors and time-outs are OSErrors. What there is to say of them is counted: anybody can cause them.
            counters.add(HANDSHAKES_FAILED)
            connection.close()

    @staticmethod
    def _forget(address: str) -> None:
        if address:
            peers.disconnect(address)

"""TLS on a connection whose handshake is over: a transport for the protocol above, and a protocol for the one below.

The event loop has such a thing as well, made for both sides, any protocol and handshakes in the middle. This one does
what a server of short answers needs. All that one read brings is handed on in one piece, as without TLS, and an answer
is one record and one write.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

#: The longest that is encrypted as one (RFC 8446 §5.1).
_RECORD_BYTES = 16384


class TlsTransport(asyncio.Protocol):
    """Stands between `raw`, the event loop's transport, and a protocol, which takes it for its transport.

    `tls` has shaken hands, reads from `incoming` and writes to `outgoing`. `peer` is who the client is: its address and
    port.
    """

    def __init__(
        self, raw: Any, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, peer: tuple[str, int]
    ) -> None:
        self._raw, self._tls, self._incoming, self._outgoing = raw, tls, incoming, outgoing
        self._peer = peer
        self._protocol: Any = None
        self._is_closing = False

    def begin(self, protocol: Any) -> None:
        """Let the protocol have the connection, and what has been read beyond the handshake."""
        self._protocol = protocol
        self._raw.set_protocol(self)
        protocol.connection_made(self)
        self._read_on()

    # What the event loop's transport calls.

    def data_received(self, data: bytes) -> None:
        """Called for each read."""
        self._incoming.write(data)
        self._read_on()

    def eof_received(self) -> None:
        """Called where the other side sends no more, with or without a farewell."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once."""
        self._is_closing = True
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Called when the client leaves too much of its answers lying."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Called when it has taken enough of them."""
        self._protocol.resume_writing()

    def _read_on(self) -> None:
        if self._is_closing:
            return
        pieces: list[bytes] = []
        is_over = False
        try:
            while True:
                piece = self._tls.read(_RECORD_BYTES)
                if not piece:
                    is_over = True
                    break
                pieces.append(piece)
                # Asked once more, OpenSSL would have to say that there is nothing, by an exception.
                if not (self._incoming.pending or self._tls.pending()):
                    break
        except ssl.SSLWantReadError:
            # The rest of a record is on its way.
            pass
        except ssl.SSLError:
            self.abort()
            return
        self._flush()
        if pieces:
            self._protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if is_over:
            self._end()

    def _end(self) -> None:
        if not self._is_closing:
            self._protocol.eof_received()
            self.close()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

    # What the protocol calls: as of asyncio.Transport.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it."""
        if self._is_closing or not data:
            return
        sent = self._tls.write(data)
        if sent < len(data):
            view = memoryview(data)
            while sent < len(view):
                sent += self._tls.write(view[sent:])
        self._raw.write(self._outgoing.read())

    def writelines(self, pieces: Any) -> None:
        """Send them as one."""
        self.write(b"".join(pieces))

    def close(self) -> None:
        """Say farewell, and close when everything is sent. The client's farewell is not awaited (RFC 8446 §6.1)."""
        if self._is_closing:
            return
        self._is_closing = True
        # Above all, OpenSSL says that the other side's is not there.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()
        self._raw.close()

    def abort(self) -> None:
        """Close at once."""
        self._is_closing = True
        self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it closes, or is closed."""
        return self._is_closing or bool(self._raw.is_closing())

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be sent, as they go over the wire."""
        return int(self._raw.get_write_buffer_size())

    def set_protocol(self, protocol: Any) -> None:
        """Let another one have what is read from here on."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Who has it now."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection: `peername`, `sockname`, `ssl_object` and `sslcontext`, and no more.

        There is no `socket`: whoever had it would learn the proxy's address, where a proxy has named its client.
        """
        match name:
            case "peername":
                return self._peer
            case "sockname":
                return (self._raw.get_extra_info("sockname") or ("", 0))[:2]
            case "sslcontext":
                return self._tls.context
            case "ssl_object":
                return self._tls
        return default

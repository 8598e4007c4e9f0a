"""What goes through TLS comes out on the other side, in whichever pieces it travels; and how it ends."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from routing.dataplane.serving.tls_transport import TlsTransport
from tests.registries.certificates import Authority

NAME = "docker.acme.test"
PEER = ("192.0.2.60", 40000)


class Raw:
    """The event loop's transport, which sends to nobody."""

    def __init__(self) -> None:
        self.sent = b""
        self.done: list[str] = []
        self.protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        assert self.done == [], "after its end"
        self.sent += data

    def close(self) -> None:
        self.done.append("closed")

    def abort(self) -> None:
        self.done.append("aborted")

    def is_closing(self) -> bool:
        return bool(self.done)

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("::1", 443, 0, 0)}.get(name, default)


class Protocol:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.events.append(data)

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")


class Line:
    """A connection after its handshake: the client's end, and the server's."""

    def __init__(self, folder: Path, *, first: bytes = b"") -> None:
        authority = Authority(folder)
        self.from_server, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = authority.client_context().wrap_bio(self.from_server, self.to_server, server_hostname=NAME)
        server = authority.server_context(NAME).wrap_bio(incoming, outgoing, server_side=True)
        for _ in range(2):
            for side in (self.client, server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                incoming.write(self.to_server.read())
                self.from_server.write(outgoing.read())
        if first:
            self.client.write(first)
            incoming.write(self.to_server.read())
        self.raw, self.protocol = Raw(), Protocol()
        self.transport = TlsTransport(self.raw, server, incoming, outgoing, PEER)
        self.transport.begin(self.protocol)

    def send(self, data: bytes) -> bytes:
        """What travels when the client says this."""
        for start in range(0, len(data), 16384):
            self.client.write(data[start : start + 16384])
        return self.to_server.read()

    def received(self) -> bytes:
        """What the client gets of what was sent until now; the server's farewell ends it."""
        self.from_server.write(self.raw.sent)
        self.raw.sent = b""
        found = b""
        try:
            while piece := self.client.read(65536):
                found += piece
        except ssl.SSLWantReadError:
            return found
        return found + b"<farewell>"


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_one_read_is_handed_on_in_one_piece(line: Line) -> None:
    said = bytes(range(256)) * 300

    line.raw.protocol.data_received(line.send(said))

    assert line.protocol.events == [said]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_record_may_come_in_any_pieces(line: Line, size: int) -> None:
    travels = line.send(b"one") + line.send(b"two" * 500)
    for start in range(0, len(travels), size):
        line.raw.protocol.data_received(travels[start : start + size])

    assert b"".join(line.protocol.events) == b"one" + b"two" * 500


def test_what_came_with_the_end_of_the_handshake_is_not_lost(tmp_path: Path) -> None:
    assert Line(tmp_path, first=b"GET / HTTP/1.1").protocol.events == [b"GET / HTTP/1.1"]


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 200_000])
def test_an_answer_of_any_length_arrives(line: Line, size: int) -> None:
    answer = bytes(number % 251 for number in range(size))

    line.transport.write(memoryview(answer))
    line.transport.writelines((b"a", bytearray(b"b")))

    assert line.received() == answer + b"ab"


def test_a_close_says_farewell_and_lets_nothing_follow(line: Line) -> None:
    line.transport.write(b"bye")
    line.transport.close()
    line.transport.write(b"too late")
    line.transport.close()

    assert line.received() == b"bye<farewell>"
    assert line.raw.done == ["closed"]
    assert line.transport.is_closing()


def test_a_clients_farewell_ends_it_after_what_came_before(line: Line) -> None:
    travels = line.send(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        line.client.unwrap()
    line.raw.protocol.data_received(travels + line.to_server.read())

    assert line.protocol.events == [b"last words", "eof"]
    assert line.raw.done == ["closed"]


def test_an_end_without_farewell_is_told_too(line: Line) -> None:
    line.raw.protocol.eof_received()
    line.raw.protocol.connection_lost(None)

    assert line.protocol.events == ["eof", "lost"]
    assert line.raw.done == ["closed"]


def test_what_is_no_record_ends_it_at_once(line: Line) -> None:
    line.raw.protocol.data_received(b"GET / HTTP/1.1\r\n\r\n")

    assert line.protocol.events == []
    assert line.raw.done == ["aborted"]


def test_nothing_is_read_on_once_the_protocol_has_closed(line: Line) -> None:
    travels = line.send(b"one")
    line.transport.abort()
    line.raw.protocol.data_received(travels)

    assert line.protocol.events == []


def test_what_is_known_of_it(line: Line) -> None:
    told = line.transport.get_extra_info

    assert (told("peername"), told("sockname"), told("socket", "none")) == (PEER, ("::1", 443), "none")
    assert isinstance(told("sslcontext"), ssl.SSLContext)
    assert told("ssl_object").version() == "TLSv1.3"

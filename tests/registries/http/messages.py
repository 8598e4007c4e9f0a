"""Answers as bytes, good and bad, and what a reader makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import h11
from hypothesis import strategies as st

from routing.registries.http.headers import Headers
from routing.registries.http.reader import FramingError, ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Read(NamedTuple):
    """An answer that was read whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def read(pieces: Iterable[bytes], method: str = "GET") -> tuple[Read, ResponseReader]:
    """Feed the pieces one by one, then the end of the connection. Raises `FramingError`."""
    reader = ResponseReader(method)
    body = b""
    for piece in pieces:
        reader.feed(piece)
        body += reader.take()
    reader.end()
    return Read(reader.status, sorted(Headers(reader.fields).multi_items()), body), reader


def ours(data: bytes, method: str) -> Read | None:
    """What our reader makes of it; None where it refuses."""
    try:
        return read([data], method)[0]
    except FramingError:
        return None


def theirs(data: bytes, method: str) -> Read | None:
    """What h11 makes of it; None where it refuses."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    head, body, ended = None, b"", False
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
                return Read(head.status_code, sorted(fields), body)
            elif event is h11.NEED_DATA and not ended:
                ended = True
                connection.receive_data(b"")
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


def every_split(data: bytes) -> Iterable[list[bytes]]:
    """The bytes at once, in two pieces by every cut, and one by one."""
    yield [data]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]
    yield [data[position : position + 1] for position in range(len(data))]


_STATUS_LINES = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No",
    "HTTP/1.1 304 Not",
    "HTTP/1.1 404 ",
    "HTTP/1.1 100 C",
    "HTTP/1.1 103 E",
    "HTTP/2.0 200 OK",
    "HTTP/1.1 99 X",
    "HTTP/1.1 2000 X",
]
_FIELDS = [
    "Content-Length: 3",
    "Content-Length: 0",
    "Content-Length: 3 ",
    "Content-Length: +3",
    "content-length:5",
    "Content-Length: 3, 3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Connection: close",
    "Connection: keep-alive",
    "Upgrade: h2c",
    "X:",
    "X: a b\t",
    "X: Ã¼",
    "X : a",
    " folded",
    "X: a\x00",
    "X: a\x7f",
    "X: a\rb",
    ": a",
    "nonsense",
]
_BODIES = [
    "",
    "abc",
    "abcde",
    "3\r\nabc\r\n0\r\n\r\n",
    "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "3\nabc\n0\n\n",
    "0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
]


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """One to three messages in a row, made of parts that are right, doubtful or wrong, now and then with a byte off."""
    text = ""
    for _ in range(draw(st.integers(1, 3))):
        ending = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]))
        fields = draw(st.lists(st.sampled_from(_FIELDS), max_size=4))
        text += ending.join([draw(st.sampled_from(_STATUS_LINES)), *fields, "", ""]) + draw(st.sampled_from(_BODIES))
    data = text.encode("latin-1")
    if draw(st.integers(0, 3)) == 0:
        position = draw(st.integers(0, len(data)))
        data = data[:position] + draw(st.binary(max_size=2)) + data[position + draw(st.integers(0, 2)) :]
    return data

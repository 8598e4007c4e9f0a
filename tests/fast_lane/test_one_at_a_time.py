"""While a request of a connection is unanswered, what follows it waits as bytes, and only some of it.

The connections are no sockets: each read is given to the facade's protocol as a test wants it (lanes.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from routing.dataplane.serving.body_guard import BodyGuard
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.serving.one_at_a_time import MAX_WAITING_BYTES
from tests.fast_lane.lanes import Lane, Wire

SMALL = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
# A worker's reads are as long as this at most.
READ_BYTES = 256 * 1024


class SlowApplication:
    """Answers with the path, and the length of the body where it reads one; each request once `go_on` was called."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.reads = False
        self._turns = asyncio.Semaphore(0)

    def go_on(self, times: int = 1) -> None:
        for _ in range(times):
            self._turns.release()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        await self._turns.acquire()
        length = 0
        while self.reads:
            message = await receive()
            length += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        text = f"{scope['path']} {length};".encode()
        fields = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": text})


class Connection:
    """One connection to the facade's protocol before a slow application."""

    def __init__(self) -> None:
        self.application = SlowApplication()
        self.lane = Lane(FastLaneProtocol, BodyGuard(self.application))
        self.protocol: Any
        self.wire: Wire
        self.protocol, self.wire = self.lane.connect()

    async def read(self, data: bytes) -> None:
        """The server reads this, and does what it can do then."""
        self.protocol.data_received(data)
        await self.turns()

    async def turns(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def go_on(self, times: int) -> None:
        self.application.go_on(times)
        for _ in range(times):
            await self.turns()

    @property
    def answers(self) -> list[bytes]:
        """The answers' bodies so far."""
        return [part.rpartition(b"\r\n\r\n")[2] for part in bytes(self.wire.sent).split(b";")[:-1]]


@pytest_asyncio.fixture
async def connection() -> AsyncIterator[Connection]:
    made = Connection()
    yield made
    made.protocol.connection_lost(None)
    await made.go_on(2)


def waiting_objects(protocol: Any) -> int:
    """Requests that the parser has made something of, but for the one that is being answered."""
    return len(protocol.pipeline) + (protocol.cycle is not None and not protocol.cycle.response_complete) - 1


async def test_the_parser_gets_nothing_while_a_request_is_unanswered(connection: Connection) -> None:
    number = MAX_WAITING_BYTES // len(SMALL % 9999)

    await connection.read(b"".join(SMALL % each for each in range(number)))

    assert connection.application.paths == ["/0"]
    assert waiting_objects(connection.protocol) == 0
    assert not connection.wire.reading

    await connection.go_on(number)

    assert connection.answers == [b"/%d 0" % each for each in range(number)]
    assert connection.wire.reading
    assert not connection.wire.closed


async def test_what_would_be_too_much_is_not_kept_and_the_client_sees_that(connection: Connection) -> None:
    await connection.read(b"".join(SMALL % each for each in range(READ_BYTES // 30)))

    assert connection.application.paths == ["/0"]
    assert connection.protocol.waiting == b""

    await connection.go_on(3)

    assert connection.answers == [b"/0 0"]
    assert b"\r\nconnection: close\r\n" in connection.wire.sent
    assert connection.wire.closed


async def test_it_is_not_kept_by_and_by_either(connection: Connection) -> None:
    """A client whose reads are short, of which an application that waits for its leaving takes one after the other."""
    connection.application.reads = True
    for each in range(2000):
        connection.protocol.flow.resume_reading()
        await connection.read(SMALL % each)

    assert len(connection.protocol.waiting) <= MAX_WAITING_BYTES
    assert waiting_objects(connection.protocol) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
async def test_answers_come_in_order_wherever_reads_end(connection: Connection, size: int) -> None:
    requests = [
        b"\r\n\r\n" + SMALL % 0,
        b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n\r\n\r\n\r\n\r\nx",
        SMALL % 2,
        b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ",
        b"PUT /v2/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ",
        SMALL % 3,
    ]
    connection.application.reads = True
    connection.application.go_on(len(requests))
    data = b"".join(requests)

    for start in range(0, len(data), size):
        await connection.read(data[start : start + size])
    await connection.go_on(1)

    assert connection.answers == [b"/0 0", b"/1 9", b"/2 0", b"/token 4", b"/v2/x 0", b"/3 0"]


async def test_the_fast_lane_does_not_overtake_what_waits(connection: Connection) -> None:
    await connection.read(SMALL % 0 + SMALL % 1)
    connection.application.go_on(1)
    # Answered in the same turn in which the next is read.
    for _ in range(20):
        if connection.protocol.cycle.response_complete:
            break
        await asyncio.sleep(0)
    assert connection.protocol.cycle.response_complete
    assert not connection.protocol.ready

    await connection.read(SMALL % 2)
    await connection.go_on(3)

    assert connection.answers == [b"/0 0", b"/1 0", b"/2 0"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/v2/a/blobs/uploads/", 0), ("/admin/", HIGH_WATER_LIMIT + 8 * 1024), ("/token", HIGH_WATER_LIMIT)],
)
async def test_a_body_that_nobody_reads_is_not_kept(connection: Connection, path: str, kept: int) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" % path.encode()

    await connection.read(head + b"x" * READ_BYTES)

    assert connection.application.paths == [path]
    assert len(connection.protocol.cycle.body) <= kept + 8 * 1024
    assert not connection.wire.reading

    await connection.go_on(1)
    assert len(connection.protocol.cycle.body) == 0
    assert connection.wire.closed


async def test_a_body_that_is_read_comes_whole(connection: Connection) -> None:
    connection.application.reads = True
    await connection.read(b"POST /admin/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 100_000)
    connection.application.go_on(2)
    for _ in range(19):
        await connection.read(b"x" * 100_000)
    await connection.read(SMALL % 1)

    assert connection.answers == [b"/admin/ 2000000", b"/1 0"]


async def test_behind_a_body_of_unknown_length_hardly_anything_is_parsed(connection: Connection) -> None:
    chunked = b"POST /admin/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"

    await connection.read(chunked + b"".join(SMALL % each for each in range(1000)))

    assert connection.application.paths == ["/admin/"]
    assert waiting_objects(connection.protocol) <= 20


@pytest.mark.parametrize(
    "field", [b"Connection: Upgrade\r\nUpgrade: h2c", b"Expect: 100-continue\r\nContent-Length: 1"]
)
async def test_other_ways_on_are_no_way_around(connection: Connection, field: bytes) -> None:
    first = b"POST /0 HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % field

    await connection.read(first + b"x" * (b"Content-Length" in field) + b"".join(SMALL % each for each in range(500)))

    assert connection.application.paths == ["/0"]
    assert waiting_objects(connection.protocol) == 0


async def test_what_is_no_http_is_told_after_the_answers_before_it(connection: Connection) -> None:
    """Told at once, it would pass for the answer to the request before it."""
    await connection.read(SMALL % 0 + b"nonsense\r\n\r\n")
    assert connection.wire.sent == b""

    await connection.go_on(1)

    first, _, second = bytes(connection.wire.sent).partition(b";")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert connection.wire.closed


async def test_empty_lines_cost_nothing(connection: Connection) -> None:
    fed: list[bytes] = []
    feed = connection.protocol.feed

    def counting(piece: bytes) -> None:
        fed.append(piece)
        feed(piece)

    connection.protocol.feed = counting

    await connection.read(b"\r\n" * (READ_BYTES // 2))
    await connection.read(SMALL % 0)

    assert fed == [SMALL % 0]

"""What a client can hold of a worker by sending slowly, much or nothing. Real sockets, and uvicorn's own server.

The server runs in a thread, as uvicorn runs it in a worker. Its keep-alive time is short (SHORT_SECONDS) where a test
waits for it to be over, and long (LONG_SECONDS) where it must not be. Tests wait for what the server does, however long
that takes on a busy machine; the short time is long enough for a client here to send its request within it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import struct
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Self

import pytest
from pytest_django import Settings
from uvicorn.config import Config
from uvicorn.server import Server

from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving import connection_limits
from routing.dataplane.serving.connection_limits import MAX_HEAD_BYTES
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from tests.fast_lane.lanes import facade, table
from tests.fast_lane.requests import PLAIN
from tests.waiting import until

ADDRESS = "127.0.0.1"
SHORT_SECONDS = 2
LONG_SECONDS = 600
PATIENCE_SECONDS = 60
SLOW = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


class Running(Server):
    """uvicorn's server with the facade's protocol, in a thread. `seconds` is its keep-alive time."""

    def __init__(self, seconds: int, application: Any) -> None:
        super().__init__(
            Config(
                application, ADDRESS, 0, loop="uvloop", http=FastLaneProtocol, ws="none", lifespan="off",
                proxy_headers=False,
                log_config=None, timeout_keep_alive=seconds,
            )
        )  # fmt: skip
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._up = threading.Event()

    def install_signal_handlers(self) -> None:
        """Nothing: signals are the main thread's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._up.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join(30)

    @property
    def port(self) -> int:
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    async def has_open(self, count: int) -> None:
        """Wait until so many connections are open."""
        await asyncio.to_thread(
            until, lambda: len(self.server_state.connections) == count, f"{count} connections are open"
        )


@pytest.fixture(autouse=True)
def _loaded() -> Iterator[None]:
    before = live_table.table
    live_table.table = table()
    yield
    live_table.table = before


async def connect(server: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(ADDRESS, server.port)


async def everything(reader: asyncio.StreamReader) -> bytes:
    """All that the server sends until it closes."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    return b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"G", b"408"),
        (SLOW, b"408"),
        (b"POST /v2/acme/blobs/uploads/ HTTP/1.1\r\nHost: docker.acme.com\r\nContent-Length: 9\r\n\r\nx", b""),
        # The first is answered at once; the next never ends.
        (PLAIN + b"GET /v2/", b"307"),
    ],
)
async def test_a_request_that_does_not_arrive_ends_the_connection(sent: bytes, status: bytes) -> None:
    with Running(SHORT_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        writer.write(sent)
        received = await everything(reader)

        assert received[9:12] == status or (status == b"" and received.startswith(b"HTTP/1.1 405"))
        writer.close()


async def test_a_client_that_trickles_is_no_better_off() -> None:
    with Running(SHORT_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        writer.write(SLOW)
        closed = asyncio.ensure_future(everything(reader))
        while not closed.done():
            writer.write(b"X-A: b\r\n")
            # Slowly enough that its fields don't become too long.
            await asyncio.wait([closed], timeout=0.05)

        assert closed.result().startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_client_that_leaves_its_answers_lying_is_let_go() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    with Running(SHORT_SECONDS, application) as server:
        _, writer = await connect(server)
        writer.write(SLOW + b"\r\n")
        await server.has_open(1)
        await server.has_open(0)
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /v2/", PLAIN, SLOW + b"\r\n"])
@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
async def test_nothing_is_left_of_a_connection_that_is_over(sent: bytes, abruptly: bool) -> None:
    """Its time limits would end long after it, and hold it until then."""
    with Running(LONG_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        await server.has_open(1)
        (connection,) = (weakref.ref(each) for each in server.server_state.connections)
        if sent:
            writer.write(sent)
        if sent.endswith(b"\r\n\r\n"):
            assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)).startswith(b"HTTP/1.1 ")
        if abruptly:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()
        await server.has_open(0)

        def is_gone() -> bool:
            gc.collect()
            return connection() is None

        await asyncio.to_thread(until, is_gone, "the connection is forgotten")


async def test_an_answer_may_take_its_time() -> None:
    may_answer = threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert await asyncio.to_thread(may_answer.wait, PATIENCE_SECONDS)
        await send({"type": "http.response.start", "status": 204, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body"})

    with Running(SHORT_SECONDS, application) as server:
        reader, writer = await connect(server)
        writer.write(SLOW + b"\r\n")
        # Two silent clients, one after the other, are closed meanwhile: the time is over twice.
        for _ in range(2):
            silent, silent_writer = await connect(server)
            assert await everything(silent) == b""
            silent_writer.close()
        may_answer.set()

        assert (await everything(reader)).startswith(b"HTTP/1.1 204")
        writer.close()


@pytest.mark.parametrize("field", [b"X-%d: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["many fields", "one field"])
async def test_a_head_without_end_is_refused_where_it_is_too_long(field: bytes) -> None:
    with Running(LONG_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        writer.write(SLOW + b"X: ")
        closed = asyncio.ensure_future(everything(reader))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not closed.done() and sent < 1_000_000:
                writer.write(field.replace(b"%d", b"%d" % sent))
                sent += len(field)
                await writer.drain()
        received = await closed

        assert received == b"" or received.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        await server.has_open(0)
        writer.close()


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES - 200, MAX_HEAD_BYTES + 8192])
async def test_how_long_a_head_may_be(size: int) -> None:
    with Running(LONG_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        writer.write(PLAIN[:-2] + b"Connection: close\r\nX: " + b"a" * size + b"\r\n\r\n")

        assert (await everything(reader))[9:12] == (b"307" if size < MAX_HEAD_BYTES else b"431")
        writer.close()


async def test_one_connection_too_many_is_closed_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(connection_limits, "max_connections", lambda: 3)
    # Else one address has half of them at most: test_peers.py.
    settings.FACADE_TRUSTED_PROXIES = [ADDRESS]
    with Running(LONG_SECONDS, facade()) as server:
        first = [await connect(server) for _ in range(3)]
        reader, extra = await connect(server)
        assert await everything(reader) == b""
        extra.close()
        for reader, writer in first:
            writer.write(PLAIN)
            assert (await reader.read(12)) == b"HTTP/1.1 307"
        first.pop()[1].close()
        await server.has_open(2)
        reader, writer = await connect(server)
        writer.write(PLAIN)
        assert (await reader.read(12)) == b"HTTP/1.1 307"
        for _, open_writer in [*first, (reader, writer)]:
            open_writer.close()


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "then"),
    [
        (1024, 20_000, 10_000, 10_768),
        (1024, 4096, 4096 - 768, 4096),
        (800, 800, 400, 800),
        (50_000, 50_000, 10_000, 50_000),
        (1024, resource.RLIM_INFINITY, 10_000, 10_768),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, resource.RLIM_INFINITY),
    ],
)
def test_connections_fit_into_the_files_that_may_be_open(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, soft: int, hard: int, allowed: int, then: int
) -> None:
    settings.FACADE_MAX_CONNECTIONS, settings.FACADE_MAX_RELAYS = 10_000, 512
    limits = [soft, hard]
    monkeypatch.setattr(connection_limits, "_allowed", None)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, new: limits.__setitem__(slice(0, 2), new))

    assert connection_limits.max_connections() == allowed
    assert limits == [then, hard]


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        (b"localhost", b"/accounts/login/", b"413"),
        (b"docker.acme.com", b"/accounts/login/", b"404"),
        (b"unknown.acme.com", b"/", b"404"),
        (b"docker.acme.com", b"/v2/acme/blobs/uploads/", b"405"),
    ],
)
@pytest.mark.parametrize("length", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
async def test_a_huge_body_is_refused_before_it_is_sent(host: bytes, path: bytes, status: bytes, length: bytes) -> None:
    with Running(LONG_SECONDS, facade()) as server:
        reader, writer = await connect(server)
        writer.write(b"POST %b HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n" % (path, host, length))
        received = await everything(reader)

        assert received[9:12] == status
        assert b"\r\nconnection: close\r\n" in received.lower()
        writer.close()

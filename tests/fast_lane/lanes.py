"""Both lanes in this process, on connections that are no sockets: every read ends exactly where a test wants it to.

A lane is one of uvicorn's protocol classes before an ASGI application, as in a worker. The fast lane is what a worker
of the facade runs; the slow lane is uvicorn's own protocol before Django with its middleware. Tests hold them against
each other:

    lanes = Lanes()
    outcome = lanes.compare([b"GET /v2/ HT", b"TP/1.1\\r\\n…"])     # asserts that both send the same bytes

What makes that exact:

- `Wire` stands for the socket's transport. What the server writes is in `sent`; a read is a call of `data_received`.
- `Lane.rest` returns when the server has done all that it can do before the next read. It asks the application where it
  is (`WatchedApplication`) and never guesses by how much time has gone by.
- `SteppedLoop` has a clock that a test moves, so that an hour of keep-alive takes no time.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from django.core.handlers.asgi import ASGIHandler
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.serving.asgi import DataPlane
from routing.dataplane.serving.body_guard import Application, BodyGuard
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.serving.middleware import FacadeMiddleware
from routing.dataplane.serving.relay_cycle import RelayCycle

# Callbacks run in the event loop's next turn, and may schedule another one: the writes of a turn, the next request.
_QUIET_TURNS = 5
_POLL_SECONDS = 0.001
_PATIENCE_SECONDS = 60.0
_REQUEST_ID = re.compile(rb"x-request-id: ([0-9a-f]{32})\r\n")
# Of pages, which nobody may keep: the second in which they were made.
_EXPIRES = re.compile(rb"(?<=\r\nexpires: )[^\r]+")
_DATE = b"Mon, 23 Nov 2026 16:00:00 GMT"
_ENABLED, _PUSH, _REDIRECT_ONLY = 1, 2, 8


def table(origin: str = "https://ghcr.io", generation: int = 1) -> Table:
    """Hostnames and mappings of every kind. What would be relayed leads nowhere: the guard refuses its address."""
    return Table.build(
        Policy(control_hosts=frozenset({"localhost", "control.acme.com"})),
        generation,
        tenants=[("1", TenantEntry("acme")), ("2", TenantEntry("gone", refusal="suspended"))],
        registries=[
            ("1", RegistryEntry(origin, "shell")),
            ("2", RegistryEntry("https://127.0.0.1:1", "open", auth="none")),
            ("3", RegistryEntry("https://127.0.0.1:1", "split", auth="bearer")),
            ("4", RegistryEntry("https://127.0.0.1:1", "basic", auth="basic")),
            ("5", RegistryEntry("https://registry-1.docker.io", "hub", implicit_namespace="library")),
        ],
        hosts=[
            ("docker.acme.com", HostEntry("1")),
            ("whole.acme.com", HostEntry("1")),
            ("*.pull.acme.com", HostEntry("1")),
            ("[::1]", HostEntry("1")),
            ("localhost", HostEntry("1")),
            ("off.acme.com", HostEntry("1", enabled=False)),
            ("gone.acme.com", HostEntry("2")),
        ],
        mappings=[
            ("docker.acme.com/acme", MappingEntry("1", "acme", _ENABLED | _REDIRECT_ONLY)),
            ("docker.acme.com/renamed", MappingEntry("1", "other/place", _ENABLED | _REDIRECT_ONLY | _PUSH)),
            ("docker.acme.com/open", MappingEntry("2", "open", _ENABLED)),
            ("docker.acme.com/split", MappingEntry("3", "split", _ENABLED)),
            ("docker.acme.com/basic", MappingEntry("4", "basic", _ENABLED)),
            ("docker.acme.com/off", MappingEntry("1", "off", _REDIRECT_ONLY)),
            ("whole.acme.com/", MappingEntry("5", "", _ENABLED | _REDIRECT_ONLY)),
            ("*.pull.acme.com/", MappingEntry("1", "acme", _ENABLED | _REDIRECT_ONLY)),
            ("[::1]/acme", MappingEntry("1", "acme", _ENABLED | _REDIRECT_ONLY)),
            ("localhost/acme", MappingEntry("1", "acme", _ENABLED | _REDIRECT_ONLY)),
            ("gone.acme.com/", MappingEntry("1", "acme", _ENABLED | _REDIRECT_ONLY)),
        ],
    )


class Outcome(NamedTuple):
    """What came back on a connection, and whether the server then closed it."""

    sent: bytes
    closed: bool


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test can move on, besides its running by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped_seconds = 0.0

    def time(self) -> float:
        return super().time() + self._skipped_seconds

    def skip(self, seconds: float) -> None:
        """Move the clock on. Whatever is due by then runs in the loop's next turns."""
        self._skipped_seconds += seconds


class WatchedApplication:
    """An ASGI application, of which it is known how many requests it got and for how many of them it waits.

    `receiving` counts calls that wait for more of a request's body, `sending` those that wait to be allowed to write.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.requests = 0
        self.receiving = 0
        self.sending = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def watched_receive() -> Any:
            self.receiving += 1
            try:
                return await receive()
            finally:
                self.receiving -= 1

        async def watched_send(message: Any) -> None:
            self.sending += 1
            try:
                await send(message)
            finally:
                self.sending -= 1

        self.requests += 1
        await self._application(scope, watched_receive, watched_send)


class Wire(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 40000), "sockname": ("127.0.0.1", 8000)})
        self.sent = bytearray()
        self.closed = False
        self.reading = True
        self._protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Whoever gets what is read."""
        return self._protocol

    def abort(self) -> None:
        self.closed = True

    def write(self, data: Any) -> None:
        if not self.closed:
            self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def _without_ids_and_times(sent: bytes) -> bytes:
    """The same, with one word for what differs from request to request in control hosts' answers: ids and times."""
    for found in set(_REQUEST_ID.findall(sent)):
        sent = sent.replace(found, b"id")
    return _EXPIRES.sub(b"then", sent)


class Lane:
    """A server with one kind of protocol. `answer` opens a connection, writes to it read by read, and closes it."""

    def __init__(self, protocol: type[HttpToolsProtocol], application: Application) -> None:
        self.application = WatchedApplication(application)
        self.waited_for_body = False
        self._protocol = protocol
        self._config = Config(
            self.application,
            http=protocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            timeout_keep_alive=3600,
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = [(b"date", _DATE), (b"server", b"uvicorn")]

    def connect(self, peer: str = "192.0.2.1") -> tuple[HttpToolsProtocol, Wire]:
        """A new connection. Needs a running event loop."""
        wire = Wire(peer)
        connection = self._protocol(self._config, self._state, {}, asyncio.get_running_loop())
        connection.access_log = False
        wire.set_protocol(connection)
        connection.connection_made(wire)
        return connection, wire

    async def answer(self, reads: Sequence[bytes], peer: str = "192.0.2.1") -> Outcome:
        """What the server sends when it reads exactly these pieces, with all the time it wants after each."""
        connection, wire = self.connect(peer)
        try:
            for read in reads:
                if wire.closed:
                    break
                wire.get_protocol().data_received(read)
                await self.rest(connection, wire)
            outcome = Outcome(_without_ids_and_times(bytes(wire.sent)), wire.closed)
            self.waited_for_body = self.application.receiving > 0
        finally:
            wire.get_protocol().connection_lost(None)
            await self.rest(connection, wire)
        return outcome

    async def rest(self, connection: HttpToolsProtocol, wire: Wire) -> None:
        """Let the server do all that it can do before something else happens on this connection.

        Raises AssertionError when an application is still busy after a minute.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        quiet, seen = 0, (len(wire.sent), wire.closed)
        while quiet < _QUIET_TURNS:
            assert time.monotonic() < deadline, f"no rest; sent so far: {bytes(wire.sent)!r}"
            busy = self._is_busy(connection)
            await asyncio.sleep(_POLL_SECONDS if busy else 0)
            now = len(wire.sent), wire.closed
            quiet = 0 if busy or now != seen else quiet + 1
            seen = now

    def _is_busy(self, connection: HttpToolsProtocol) -> bool:
        """Whether an application is at work, and not waiting for the client: to send a body, or to read an answer."""
        if not self._state.tasks:
            return False
        waits_for_body = connection.cycle.more_body and self.application.receiving > 0
        is_sending = self.application.sending > 0 or isinstance(connection.cycle, RelayCycle)
        waits_to_write = connection.flow.write_paused and is_sending
        return not (waits_for_body or waits_to_write)


def facade() -> Application:
    """The application that the facade serves."""
    return BodyGuard(DataPlane(_django()))


def _django() -> Application:
    """Django, with the middleware on the event loop, where its relays can't outlast their callers."""
    FacadeMiddleware.sync_capable, capable = False, FacadeMiddleware.sync_capable
    try:
        return ASGIHandler()  # type: ignore[return-value]  # Django's own, narrower types
    finally:
        FacadeMiddleware.sync_capable = capable


class Lanes:
    """What the facade serves with, and uvicorn's own protocol before Django and its middleware; both with one table."""

    def __init__(self) -> None:
        self.fast = Lane(FastLaneProtocol, facade())
        self.slow = Lane(HttpToolsProtocol, BodyGuard(_django()))
        self._runner = asyncio.Runner(loop_factory=SteppedLoop)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a test's own steps on the event loop of both."""
        self._runner.run(work)

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()

    def compare(self, reads: Iterable[bytes], peer: str = "192.0.2.1") -> Outcome:
        """Send the same to both, twice to the fast one, which then remembers. Asserts that all say the same."""
        pieces = [piece for piece in reads if piece]

        def slowly(*reads: bytes) -> Outcome:
            return self._runner.run(self.slow.answer(reads, peer))

        slow = slowly(*pieces)
        waits_for_body = self.slow.waited_for_body
        for _ in range(2):
            fast = self._runner.run(self.fast.answer(pieces, peer))
            assert (
                fast == slow
                or reads_on(fast.sent, slow.sent, b"".join(pieces))
                or (waits_for_body and answers_before_the_body(fast.sent, slow.sent))
                or (
                    fast.closed == slow.closed
                    and answers_first(fast.sent, slow.sent, b"".join(pieces), lambda data: slowly(data).sent)
                )
            ), pieces
        return fast


def answers_before_the_body(fast: bytes, slow: bytes) -> bool:
    """Whether one has answered once more, a request whose body has not come whole.

    Django reads it first. The data plane, which needs none, doesn't wait (RFC 9110 §9.3.1: a GET's has no meaning).
    """
    start = b"HTTP/1.1 "
    return fast.startswith(slow) and fast.count(start) == slow.count(start) + 1


def reads_on(fast: bytes, slow: bytes, data: bytes) -> bool:
    """Whether they differ only behind a refused CONNECT or Upgrade: uvicorn drops what stands there in the same read.

    A tunnel or another protocol begins with an answer that grants it (RFC 9110 §9.3.6, §7.8); until then it is HTTP,
    and so the fast lane reads it.
    """
    asks = data.startswith(b"CONNECT ") or b"\nCONNECT " in data or b"\nupgrade:" in data.lower()
    return asks and fast.split(b"HTTP/1.1 ")[:2] == slow.split(b"HTTP/1.1 ")[:2]


def answers_first(fast: bytes, slow: bytes, data: bytes, answer: Callable[[bytes], bytes]) -> bool:
    """Whether the fast lane answers whole requests, and then what nobody can read behind them.

    uvicorn's own protocol gives both to its parser at once, and answers no more than 400 (RFC 9112 §9.3.2 wants all
    answers, in order). Behind an answer that closes the connection nothing more is read, and so there is no 400.
    `answer` is that protocol's answer to a read.
    """
    start = slow.rfind(b"HTTP/1.1 400 ")
    refusal = slow[start:]
    before = fast.removesuffix(refusal)
    if start < 0 or (before == fast and b"\r\nconnection: close\r\n" not in fast):
        return False
    return before.startswith(slow[:start]) and any(
        answer(data[: end.end()]) == before for end in re.finditer(rb"\r\n\r\n", data)
    )

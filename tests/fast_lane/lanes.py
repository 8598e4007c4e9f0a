"""Both lanes in this process, on connections that are no sockets: every read ends exactly where a test wants it to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
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

_TURNS_WITHOUT_PROGRESS = 20
_PATIENCE_SECONDS = 30.0
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


class Counting:
    """An ASGI application, counting the requests that get as far as it."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.requests = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await self._application(scope, receive, send)


class Wire(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 40000), "sockname": ("127.0.0.1", 8000)})
        self.sent = bytearray()
        self.closed = False
        self.reading = True

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


class Lane:
    """A server with one kind of protocol. `answer` opens a connection, writes to it read by read, and closes it."""

    def __init__(self, protocol: type[HttpToolsProtocol], application: Application) -> None:
        self.application = Counting(application)
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
        self._state.default_headers = [(b"date", b"Mon, 23 Nov 2026 16:00:00 GMT"), (b"server", b"uvicorn")]

    def connect(self, peer: str = "192.0.2.1") -> tuple[HttpToolsProtocol, Wire]:
        """A new connection. Needs a running event loop."""
        wire = Wire(peer)
        connection = self._protocol(self._config, self._state, {}, asyncio.get_running_loop())
        connection.access_log = False
        connection.connection_made(wire)
        return connection, wire

    async def answer(self, reads: Sequence[bytes], peer: str = "192.0.2.1") -> Outcome:
        """What the server sends when it reads exactly these pieces, with all the time it wants after each."""
        connection, wire = self.connect(peer)
        for read in reads:
            if wire.closed:
                break
            connection.data_received(read)
            await self.rest(connection, wire)
        outcome = Outcome(bytes(wire.sent), wire.closed)
        connection.connection_lost(None)
        await self.rest(connection, wire)
        return outcome

    async def rest(self, connection: HttpToolsProtocol, wire: Wire) -> None:
        """Let the server do all that it can do now."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        idle = 0
        while time.monotonic() < deadline:
            before = len(wire.sent), wire.closed
            await asyncio.sleep(0 if idle < 10 else 0.001)
            idle = 0 if before != (len(wire.sent), wire.closed) else idle + 1
            if idle > 3 and not self._state.tasks:
                return
            # An application that waits for a body that doesn't come, or to write, is at rest as well.
            if idle > _TURNS_WITHOUT_PROGRESS and (connection.cycle.more_body or connection.flow.write_paused):
                return
        raise AssertionError(f"no rest after {_PATIENCE_SECONDS} s; sent so far: {bytes(wire.sent)!r}")


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
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a test's own steps on the event loop of both."""
        self._runner.run(work)

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()

    def compare(self, reads: Iterable[bytes], peer: str = "192.0.2.1") -> Outcome:
        """Send the same to both, twice to the fast one, which then remembers. Asserts that all say the same."""
        pieces = [piece for piece in reads if piece]
        slow = self._runner.run(self.slow.answer(pieces, peer))
        assert self._runner.run(self.fast.answer(pieces, peer)) == slow, pieces
        assert self._runner.run(self.fast.answer(pieces, peer)) == slow, pieces
        return slow

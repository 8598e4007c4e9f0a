from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import pytest_asyncio
import uvloop

from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.guard import GuardPolicy
from tests.registries.faulty_server import FaultyServer

ANYTHING = GuardPolicy(allow_insecure=True, allow_private=True)
# Long enough that no busy machine reaches it where a test expects something else than a timeout.
PATIENT = ClientLimits(connect_seconds=20, total_seconds=30, idle_seconds=30)
HASTY = ClientLimits(connect_seconds=0.4, total_seconds=0.4, idle_seconds=0.4)
# Loading the system's certificates takes longer than most of these tests; none of those that use this speak TLS.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


# What is about the connections themselves runs on both event loops: uvloop in the facade's own server, asyncio's in
# commands and under WSGI.
ON_BOTH_LOOPS = ("test_client", "test_client_faults", "test_guard", "test_exchanges")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Called by pytest-asyncio for each asynchronous test here."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.stem in ON_BOTH_LOOPS:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest.fixture
def start_server() -> Iterator[Callable[..., FaultyServer]]:
    servers: list[FaultyServer] = []

    def start(**options: object) -> FaultyServer:
        servers.append(FaultyServer(**options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start_server: Callable[..., FaultyServer]) -> FaultyServer:
    return start_server()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient(ANYTHING, PATIENT, tls=NO_CERTIFICATES) as made:
        yield made


@pytest_asyncio.fixture
async def hasty_client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient(ANYTHING, HASTY, tls=NO_CERTIFICATES) as made:
        yield made

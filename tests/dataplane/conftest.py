"""A facade in this process, as the ASGI server runs it, before a backing registry that does what a test tells it to."""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.serving.middleware import FacadeMiddleware
from routing.dataplane.upstream import client_pool
from routing.registries.client import RegistryClient
from tests.dataplane.facade_client import FacadeClient, set_mappings
from tests.fast_lane.lanes import Lanes, facade
from tests.registries.faulty_server import FaultyServer
from tests.registries.scripted_registry import ScriptedRegistry

#: Gives the bytes of the facade's response to the bytes of a request.
Send = Callable[[bytes], Awaitable[bytes]]
# Loading the system's certificates takes longer than most of these tests; none of those that use this speak TLS.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """The backing registry. What a test doesn't set up, it doesn't have."""
    started = FaultyServer()
    yield started
    started.stop()


@pytest.fixture
def trusting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Registries on loopback are allowed, and asked with patience; relays run on the event loop, as under ASGI."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = True
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    settings.FACADE_CONNECT_SECONDS = 20.0
    settings.FACADE_RELAY_SECONDS = 30.0
    monkeypatch.setattr(FacadeMiddleware, "sync_capable", False)
    monkeypatch.setattr(client_pool, "RegistryClient", functools.partial(RegistryClient, tls=NO_CERTIFICATES))
    return settings


@pytest_asyncio.fixture(params=["middleware", "application", "worker"])
async def facade_client(
    server: FaultyServer, trusting: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[FacadeClient]:
    """Asks the facade for `docker.acme.com`: its `team` leads to `acme` at the server, which wants Bearer tokens.

    Through Django and the middleware, through the ASGI application that answers without them, and as bytes that a
    worker's protocol reads, which answers most by itself.
    """
    registry = RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s")
    application = None if request.param == "middleware" else facade()
    yield FacadeClient(server, registry, application, as_bytes=request.param == "worker")
    await client_pool.close()


@pytest.fixture
def registry() -> Iterator[ScriptedRegistry]:
    """A registry that wants Bearer tokens, as a list of bytes."""
    with ScriptedRegistry() as scripted:
        yield scripted


@pytest_asyncio.fixture(params=["middleware", "application"])
async def send(registry: ScriptedRegistry, trusting: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Send]:
    """The facade as a function of bytes. `team` of `docker.acme.com` leads to `acme` at the registry.

    Once as uvicorn serves Django with the middleware, and once as the facade's own worker serves its application.
    """
    realm = f"{registry.url}/realm"
    entry = RegistryEntry(registry.url, "the registry", auth="bearer", realm=realm, service="s")
    set_mappings({"team": (entry, "acme", 0)})
    lanes = Lanes()
    lane = lanes.fast if request.param == "application" else lanes.slow

    async def sent(raw: bytes) -> bytes:
        return (await lane.answer([raw])).sent

    yield sent
    lanes.close()
    await client_pool.close()

"""A facade in this process, as the ASGI server runs it, before a backing registry that does what a test tells it to."""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.serving.middleware import FacadeMiddleware
from routing.dataplane.upstream import client_pool
from routing.registries.client import RegistryClient
from tests.dataplane.facade_client import FacadeClient
from tests.fast_lane.lanes import facade
from tests.registries.faulty_server import FaultyServer

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


@pytest_asyncio.fixture(params=["middleware", "application"])
async def facade_client(
    server: FaultyServer, trusting: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[FacadeClient]:
    """Asks the facade for `docker.acme.com`: its `team` leads to `acme` at the server, which wants Bearer tokens.

    Once through Django and the middleware, and once through the ASGI application that answers without them.
    """
    registry = RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s")
    yield FacadeClient(server, registry, facade() if request.param == "application" else None)
    await client_pool.close()

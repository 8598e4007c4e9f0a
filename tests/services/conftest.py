"""Registries of one's own, over sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from tests.registries.faulty_server import FaultyServer


@pytest.fixture
def start_server(settings: Settings) -> Iterator[Callable[[], FaultyServer]]:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    servers: list[FaultyServer] = []

    def start() -> FaultyServer:
        servers.append(FaultyServer())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start_server: Callable[[], FaultyServer]) -> FaultyServer:
    return start_server()

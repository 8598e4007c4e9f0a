"""Two hundred relays wait for a registry that doesn't answer, on one worker, which goes on answering everybody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.load import Load, Wanted, ask
from tests.registries.faulty_server import Exchange, FaultyServer

RELAYS = 200
HOST = "docker.acme.test"
PATH = "/v2/fine/app/manifests/1.0"
HANGING = "/v2/hangs/app/manifests/1.0"
MANIFEST = b'{"schemaVersion": 2}'
CONTROL = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Hanging:
    """A registry that answers nobody until it is let go."""

    def __init__(self) -> None:
        self.server = FaultyServer()
        self.let_go = threading.Event()
        self.server.on(HANGING, self._hang)

    def _hang(self, exchange: Exchange) -> None:
        self.let_go.wait(120)
        exchange.answer(200, {"Content-Type": "application/json"}, MANIFEST)

    @property
    def requests(self) -> int:
        return self.server.paths().count(HANGING)


@pytest.fixture
def registry() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.let_go.set()
    hanging.server.stop()


@pytest.fixture
def facade(registry: Hanging) -> Iterator[Facade]:
    """One worker, which waits for registries longer than this test takes. Without a memory each asks by itself."""
    settings = {"FACADE_RELAY_SECONDS": "300", "FACADE_MANIFEST_STORE_BYTES": "0", "FACADE_PROBE_ON_SAVE": "false"}
    with Facade(workers=1, sqlite=True, **settings) as started:
        started.manage("add_mapping", HOST, "hangs", f"{registry.server.url}/hangs")
        started.manage("add_mapping", HOST, "fine", "ghcr.io/fine", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST)
        yield started


def under_way(facade: Facade) -> str:
    page = facade.request("GET", "/metrics").body.decode()
    return next(line for line in page.splitlines() if line.startswith("facade_relays_under_way ")).split(" ")[1]


def test_redirects_go_on_while_two_hundred_relays_wait_on_the_same_worker(facade: Facade, registry: Hanging) -> None:
    host = f"Host: {HOST}\r\n".encode()
    get = b"GET %b HTTP/1.1\r\n" % PATH.encode()
    hanging = Wanted(
        f"GET {HANGING} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n\r\n".encode(), 200, contains=MANIFEST
    )
    # The fast lane's; what it leaves to others, for it knows no HOST; and Django's.
    each = [
        Wanted(get + host + b"\r\n", 307, f"https://ghcr.io{PATH}"),
        Wanted(get + host.replace(b"Host", b"HOST") + b"\r\n", 307, f"https://ghcr.io{PATH}"),
        Wanted(CONTROL, 200, contains=b'"ok"'),
    ]
    waiting = [socket.create_connection((ADDRESS, facade.port), timeout=60) for _ in range(RELAYS)]
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda each=one: answers.append(ask(each, hanging)), daemon=True) for one in waiting
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: registry.requests == RELAYS, "the registry is asked by all of them")
    # Another process tells it, a moment later.
    wait_until(lambda: float(under_way(facade)) == RELAYS, "all of them are told of")

    with Load(facade.port, each) as load:
        load.wait_for_answers(2000)
    assert (load.wrong, load.broken) == ([], [])
    assert answers == []
    assert float(under_way(facade)) == RELAYS

    registry.let_go.set()
    for thread in threads:
        thread.join(60)
    assert answers == [""] * RELAYS
    wait_until(lambda: float(under_way(facade)) == 0, "none of them is left")
    for one in waiting:
        one.close()

"""A rolling restart, while clients ask as fast as they can on connections that stay open: no request is lost."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import wait_until

pytestmark = pytest.mark.e2e

PATH = "/v2/acme/app/manifests/1.0"
LOCATION = "https://ghcr.io" + PATH
CLIENTS = 8


class Client(threading.Thread):
    """Asks without a pause; opens a new connection only where the server has said that the last one ends."""

    def __init__(self, facade: Facade, method: str) -> None:
        super().__init__(daemon=True)
        self._facade, self._method = facade, method
        self.answers = 0
        self.failures: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection(ADDRESS, self._facade.port, timeout=30)
        while not self.stopping.is_set():
            try:
                connection.request(self._method, PATH, headers={"Host": "docker.acme.test"})
                answer = connection.getresponse()
                answer.read()
                if (answer.status, answer.getheader("Location")) != (307, LOCATION):
                    self.failures.append(f"{answer.status} {answer.getheader('Location')}")
                self.answers += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    """Two workers and a mapping."""
    with Facade(workers=2, sqlite=True) as started:
        started.manage("add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--shell")
        started.wait_for(PATH, 307, host="docker.acme.test", location=LOCATION)
        yield started


def replace_workers(facade: Facade) -> None:
    """Have gunicorn start new workers and end the old ones, and wait until it has."""
    before = set(facade.worker_pids())
    os.kill(facade.pid, signal.SIGHUP)

    def replaced() -> bool:
        now = set(facade.worker_pids())
        return len(now) == 2 and not before & now

    wait_until(replaced, "both workers have been replaced")


def wait_for_answers(clients: list[Client], count: int) -> None:
    """Wait until the clients together have got so many answers more."""
    seen = sum(client.answers for client in clients)
    wait_until(lambda: sum(client.answers for client in clients) > seen + count, f"{count} answers more")


def test_no_request_is_lost(facade: Facade) -> None:
    clients = [Client(facade, "GET" if number % 2 else "HEAD") for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for _ in range(2):
            replace_workers(facade)
            wait_for_answers(clients, 200)
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
    assert [client.failures for client in clients] == [[]] * CLIENTS
    assert all(client.answers > 0 for client in clients)


def test_a_silent_connection_is_closed_soon(facade: Facade) -> None:
    connection = http.client.HTTPConnection(ADDRESS, facade.port, timeout=30)
    connection.request("GET", PATH, headers={"Host": "docker.acme.test"})
    assert connection.getresponse().read() == b""
    replace_workers(facade)
    assert connection.sock is not None
    assert connection.sock.recv(1) == b""
    connection.close()

"""Rolling restarts, while clients ask as fast as they can on connections that stay open: no request is lost.

Every kind: SIGHUP replaces the workers; SIGTTIN and SIGTTOU add one and take one away; SIGUSR2 starts a second server,
with new code, on the same socket, and SIGTERM then ends the first one; SIGTERM to a single worker.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.load import Load, Wanted

pytestmark = pytest.mark.e2e

PATH = "/v2/acme/app/manifests/1.0"
LOCATION = "https://ghcr.io" + PATH
HOST = "docker.acme.test"
WORKERS = 2
# The fast lane knows no HOST in upper case: that one goes the slow way, like the refusal.
WANTED = [
    Wanted(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 307, LOCATION),
    Wanted(f"HEAD {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 307, LOCATION),
    Wanted(f"GET {PATH} HTTP/1.1\r\nHOST: {HOST}\r\n\r\n".encode(), 307, LOCATION),
    Wanted(f"GET /v2/nobody/knows/tags/list HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 404, contains=b"NAME_UNKNOWN"),
]


def two_workers() -> Iterator[Facade]:
    with Facade(workers=WORKERS, sqlite=True) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST, location=LOCATION)
        yield started


# Two workers and a mapping; the other one is for a test that ends it.
facade = pytest.fixture(scope="module")(two_workers)
other_facade = pytest.fixture(two_workers)


def wait_for_workers(facade: Facade, count: int, other_than: set[int]) -> None:
    """Wait until there are so many workers, and none of those."""

    def so_it_is() -> bool:
        now = set(facade.worker_pids())
        return len(now) == count and not now & other_than

    wait_until(so_it_is, f"{count} workers, none of {other_than}")


def replace_workers(facade: Facade) -> None:
    """SIGHUP: new workers, then the end of the old ones."""
    before = set(facade.worker_pids())
    os.kill(facade.pid, signal.SIGHUP)
    wait_for_workers(facade, WORKERS, before)


def end_one_worker(facade: Facade) -> None:
    """SIGTERM to a worker, as an operator or the kernel's memory control may send it."""
    before = facade.worker_pids()[:1]
    os.kill(before[0], signal.SIGTERM)
    wait_for_workers(facade, WORKERS, set(before))


def one_more_and_one_less(facade: Facade) -> None:
    """SIGTTIN and SIGTTOU: the eldest worker goes."""
    eldest = set(facade.worker_pids()[:1])
    os.kill(facade.pid, signal.SIGTTIN)
    wait_for_workers(facade, WORKERS + 1, set())
    os.kill(facade.pid, signal.SIGTTOU)
    wait_for_workers(facade, WORKERS, eldest)


@pytest.mark.parametrize("restart", [replace_workers, end_one_worker, one_more_and_one_less])
def test_no_request_is_lost(facade: Facade, restart: Callable[[Facade], None]) -> None:
    with Load(facade.port, WANTED) as load:
        for _ in range(3):
            load.wait_for_answers(300)
            restart(facade)
        load.wait_for_answers(300)
    assert (load.wrong, load.broken) == ([], [])
    assert load.opened > load.connections, "no connection has met a worker's end"


def test_no_request_is_lost_when_a_new_server_takes_over(other_facade: Facade) -> None:
    facade = other_facade
    first = facade.pid
    with Load(facade.port, WANTED) as load:
        load.wait_for_answers(300)
        os.kill(first, signal.SIGUSR2)
        wait_until(lambda: bool(second_server(first)), "the second server")
        second = second_server(first)[0]
        wait_until(
            lambda: facade.log().count("Started server process") >= 2 * (WORKERS + 1), "the second server's workers"
        )
        load.wait_for_answers(300)
        os.kill(first, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{first}/cmdline").read_bytes(), "the end of the first server")
        load.wait_for_answers(300)
    try:
        assert (load.wrong, load.broken) == ([], [])
        assert load.opened > load.connections
        # Of the second server alone: the first one took its own away with it.
        assert f"facade_workers {WORKERS}.0" in metrics_of(facade)
        # A worker that isn't the one that is asked tells what it has counted within a second.
        redirected = 'facade_answers_total{decision="redirect",status="3xx"}'
        wait_until(lambda: redirected in metrics_of(facade), "the answers of all workers are told")
    finally:
        os.kill(second, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{second}").exists(), "the end of the second server")


def metrics_of(facade: Facade) -> str:
    return facade.request("GET", "/metrics").body.decode()


def second_server(first: int) -> list[int]:
    """The server that the first one has started, as gunicorn marks it."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [int(pid) for pid in children if b"GUNICORN_PID=" in Path(f"/proc/{pid}/environ").read_bytes()]


def test_a_silent_connection_is_closed_soon(facade: Facade) -> None:
    with socket.create_connection((ADDRESS, facade.port), timeout=30) as connection:
        connection.sendall(WANTED[0].request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 307")
        replace_workers(facade)
        assert connection.recv(1) == b""

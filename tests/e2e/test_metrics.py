"""`/metrics` of the real server: one scrape tells of all workers, of those that are gone too. And the access log."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, Facade, folder_of_metrics
from tests.e2e.lab.process import wait_until
from tests.e2e.sockets import unread_bytes

HOST = "docker.acme.test"
PATH = f"/v2/acme/app/blobs/sha256:{'a' * 64}"
WORKERS = 3


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    """Three workers that write an access log, and a mapping."""
    # No registry is asked here, not even for the minutes after a repoint.
    quiet = {"FACADE_FORMER_TARGET_SECONDS": "0", "GUNICORN_CMD_ARGS": "--access-logfile -"}
    with Facade(workers=WORKERS, sqlite=True, **quiet) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST)
        yield started


def sample(facade: Facade, name: str) -> float:
    """One value of the page; 0 where it isn't told."""
    answer = facade.request("GET", "/metrics")
    assert answer.status == 200, answer.body
    found = re.search(rf"^{re.escape(name)} (\S+)$", answer.body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def redirects(facade: Facade) -> float:
    return sample(facade, 'facade_answers_total{decision="redirect",status="3xx"}')


def send(facade: Facade, count: int) -> None:
    """Ask so often, each time on a new connection, and half of the times in a form that the fast lane takes."""
    for number in range(count):
        # It knows no HOST.
        name = "Host" if number % 2 else "HOST"
        with socket.create_connection((ADDRESS, facade.port), timeout=30) as connection:
            connection.sendall(f"GET {PATH} HTTP/1.1\r\n{name}: {HOST}\r\nAccept: */*\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 307")


def settled(facade: Facade) -> float:
    """The count of redirects, once it is that of the access log's lines: each worker tells once a second."""

    def logged() -> int:
        return len(re.findall(rf"GET {re.escape(PATH)}(\?\S*)? 307 ", facade.log()))

    wait_until(lambda: redirects(facade) == logged(), "what was logged is told")
    return redirects(facade)


def test_every_worker_is_told_of_and_what_a_killed_one_has_counted_stays(facade: Facade) -> None:
    before = settled(facade)
    send(facade, 60)
    wait_until(lambda: redirects(facade) == before + 60, "60 redirects more are told")

    pids = facade.worker_pids()
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: len(facade.worker_pids()) == WORKERS and pids[0] not in facade.worker_pids(), "another worker")
    wait_until(lambda: sample(facade, "facade_workers") == WORKERS, "the new worker is told of, the old one isn't")
    assert redirects(facade) == before + 60
    send(facade, 30)
    wait_until(lambda: redirects(facade) == before + 90, "90 redirects more are told")


def test_workers_that_were_replaced_in_a_row_have_told_all(facade: Facade) -> None:
    before = settled(facade)
    send(facade, 30)
    pids = set(facade.worker_pids())
    os.kill(facade.pid, signal.SIGHUP)
    wait_until(lambda: len(facade.worker_pids()) == WORKERS and not pids & set(facade.worker_pids()), "new workers")

    assert redirects(facade) == before + 30
    wait_until(lambda: sample(facade, "facade_workers") == WORKERS, "the new workers are told of, the old ones aren't")
    # What they log is of the same form.
    send(facade, 30)
    assert settled(facade) == before + 60


def test_the_table_of_the_workers_and_of_the_snapshot_is_told(facade: Facade) -> None:
    wait_until(lambda: sample(facade, "facade_table_mappings") == 1, "the first process, without any, is not asked")
    assert sample(facade, "facade_table_hostnames") == 1
    assert sample(facade, "facade_database_reachable") == 1
    facade.manage("repoint", HOST, "acme", "quay.io/acme", "--reason", "test")
    facade.wait_for(PATH, 307, host=HOST, location="https://quay.io" + PATH)

    newest = facade.request("GET", "/readyz").json()["generation"]
    for name in ("facade_table_generation", "facade_table_newest_generation", "facade_snapshot_generation"):
        wait_until(lambda name=name: sample(facade, name) == newest, f"{name} is {newest}")  # type: ignore[misc]
    assert sample(facade, "facade_change_seconds_count") >= WORKERS
    assert sample(facade, "facade_fast_lane_batches_total") > 0


def test_both_lanes_write_the_same_access_log_line(facade: Facade) -> None:
    target = f"{PATH}?ns=logged"
    raw = f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    # In one piece the fast lane answers; what comes in two pieces goes on to Django.
    for pieces in ([raw], [raw[:30], raw[30:]]):
        with socket.create_connection((ADDRESS, facade.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                connection.sendall(piece)
                if piece is not pieces[-1]:
                    wait_until(
                        lambda: unread_bytes(facade.port, connection.getsockname()[1]) == 0,
                        "the server has read the first piece",
                    )
            assert connection.recv(65536).startswith(b"HTTP/1.1 307")

    def lines() -> list[str]:
        return [line for line in facade.log().splitlines() if "ns=logged" in line]

    wait_until(lambda: len(lines()) == 2, "two lines")
    # Each has its own time, duration and id.
    own = r"^\S+ \S+ |duration_ms=\S+ |request_id=\S+"
    assert len({re.sub(own, "", line) for line in lines()}) == 1
    assert " 307 decision=redirect " in lines()[0]


def test_nothing_is_left_behind() -> None:
    with Facade(workers=1, sqlite=True) as facade:
        directory = folder_of_metrics(facade)
        assert directory.stat().st_mode & 0o077 == 0
    assert not directory.exists()

"""The gate beside a real server: from memory, with the database gone too, and whatever ends and begins again."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator

import psycopg
import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.gate import answer_of, ask, told
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import wait_until
from tests.e2e.postgresql import OutagePostgresql
from tests.e2e.test_maintenance import maintenance_pids

HOST = "docker.acme.test"
CONTROL = "facade.acme.test"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def facade(server: OutagePostgresql, port: int) -> Iterator[Facade]:
    with Facade(
        workers=1,
        database_url=server.url,
        FACADE_GATE_BIND=f"{ADDRESS}:{port}",
        FACADE_CONTROL_HOSTS=f"localhost,{CONTROL}",
        FACADE_PROBE_ON_SAVE="false",
    ) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        wait_until(lambda: answer_of(port, HOST) == "yes", "the gate knows the hostname")
        # The tests' server doesn't wait for its disk, and is stopped without a word.
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        yield started


def test_random_names_with_the_database_gone(facade: Facade, server: OutagePostgresql, port: int) -> None:
    server.stop()
    try:
        wait_until(lambda: facade.request("GET", "/readyz").json()["database"] == "unreachable", "it is found gone")
        wait_until(lambda: facade.log().count("database unreachable") >= 3, "each process has said so")
        before, lines = told(facade).get("unknown", 0), facade.log()
        names = [f"{secrets.token_hex(8)}.example" for _ in range(2000)]

        assert ask(port, names) == {"unknown": 2000}
        # Nothing could have been asked of it; and nobody said anything of them, while others may miss the database.
        said = facade.log()[len(lines) :]
        assert len(said.splitlines()) < len(names) / 10
        assert not any(name in said for name in names)
        assert ask(port, [HOST, CONTROL, HOST]) == {"yes": 3}
        wait_until(lambda: told(facade).get("unknown", 0) == before + 2000, "they are counted")
    finally:
        server.start()
    wait_until(lambda: facade.request("GET", "/readyz").json()["database"] == "ok", "it is back")


def test_a_change_is_known_within_a_moment(facade: Facade, port: int) -> None:
    facade.manage("suspend", "--hostname", HOST, "--reason", "test")
    wait_until(lambda: answer_of(port, HOST) == "unknown", "no certificate for who is suspended")

    facade.manage("unsuspend", "--hostname", HOST, "--reason", "test")
    wait_until(lambda: answer_of(port, HOST) == "yes", "it is served again")


def test_it_begins_again_by_itself_and_remembers(facade: Facade, port: int) -> None:
    names = (facade.directory / "state" / "certificates").read_text()
    (pid,) = maintenance_pids(facade)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: answer_of(port, HOST) == "", "it is gone")

    wait_until(lambda: answer_of(port, HOST) == "yes", "it is back")

    assert (facade.directory / "state" / "certificates").read_text() == names
    assert HOST in names


def test_it_outlives_its_workers(facade: Facade, port: int) -> None:
    workers = facade.worker_pids()
    os.kill(facade.pid, signal.SIGHUP)
    wait_until(lambda: bool(facade.worker_pids()) and not set(workers) & set(facade.worker_pids()), "they are others")

    assert ask(port, [HOST]) == {"yes": 1}


def test_clients_do_not_reach_it(facade: Facade) -> None:
    for host in ("localhost", CONTROL, HOST):
        assert facade.request("GET", f"/?domain={HOST}", host=host).headers.get("x-facade-answer") is None

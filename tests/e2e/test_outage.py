"""Without its database the facade goes on: under load, with a worker killed, from a cold start; then it catches up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.load import Load, Wanted, ask
from tests.e2e.postgresql import OutagePostgresql
from tests.e2e.sockets import client_ports, connection_to
from tests.registries.faulty_server import FaultyServer

LOAD_SECONDS = 60.0
KILL_AFTER_SECONDS = 15.0
# Around the kill nobody pauses, so that many wait for an answer; else 16 clients ask 160 times in a second.
IMPATIENT_SECONDS = 2.0
PAUSE_SECONDS = 0.1
# Less than a connection pool would wait by itself for a database that is gone.
REPLACED_WITHIN_SECONDS = 20.0
WORKERS = 4
HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
RELAYED = "/v2/relayed/app/manifests/1.0"
MANIFEST = b'{"schemaVersion": 2}'


def raw(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode()


def wanted(location: str) -> list[Wanted]:
    """Requests of every kind that needs no database, redirects most of all; both lanes: the fast one knows no HOST."""
    host = f"Host: {HOST}"
    fast = [
        Wanted(raw(PATH, host), 307, location + PATH),
        Wanted(raw(PATH, host, "User-Agent: docker/28.0.0"), 307, location + PATH),
        Wanted(raw(f"{PATH}?ns=x", host, method="HEAD"), 307, f"{location}{PATH}?ns=x"),
    ]
    return [
        *fast,
        Wanted(raw(PATH, f"HOST: {HOST}"), 307, location + PATH),
        *fast,
        Wanted(raw("/v2/nobody/knows/tags/list", host), 404, contains=b'"NAME_UNKNOWN"'),
        *fast,
        Wanted(raw(RELAYED, host), 401, contains=b'scope="repository:relayed/app:pull"'),
        *fast,
        Wanted(raw(RELAYED, host, "Authorization: Bearer x"), 200, contains=MANIFEST),
    ]


@pytest.fixture
def database() -> Iterator[OutagePostgresql]:
    with OutagePostgresql() as server:
        yield server


@pytest.fixture
def registry() -> Iterator[FaultyServer]:
    server = FaultyServer()
    server.answers(RELAYED, 200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, MANIFEST)
    yield server
    server.stop()


@pytest.fixture
def facade(database: OutagePostgresql, registry: FaultyServer) -> Iterator[Facade]:
    with Facade(
        workers=WORKERS,
        database_url=database.url,
        FACADE_PROBE_ON_SAVE="false",
        FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR="1000000",
    ) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.manage("add_mapping", HOST, "relayed", f"{registry.url}/relayed")
        started.wait_for(PATH, 307, host=HOST, location="https://ghcr.io" + PATH)
        started.wait_for(RELAYED, 401, host=HOST)
        yield started


def metric(facade: Facade, name: str) -> float:
    lines = facade.request("GET", "/metrics").body.decode().splitlines()
    return next(float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} "))


def kill_a_worker(facade: Facade) -> tuple[int, set[int]]:
    """Kill a worker and wait for the next: the process id of that one, and the ports of the killed one's clients."""
    before = facade.worker_pids()
    # First stopped: what it holds then, it holds when it is killed.
    os.kill(before[0], signal.SIGSTOP)
    held = client_ports(before[0], facade.port)
    os.kill(before[0], signal.SIGKILL)
    wait_until(
        lambda: len(set(facade.worker_pids()) - set(before)) == 1, "another worker has started", REPLACED_WITHIN_SECONDS
    )
    return (set(facade.worker_pids()) - set(before)).pop(), held


@pytest.mark.long
def test_the_facade_outlives_its_database_and_catches_up(facade: Facade, database: OutagePostgresql) -> None:
    # Each part begins where the one before it ends: one outage, so one test.
    generation = _wait_for_the_snapshot(facade)
    database.stop()
    wait_until(lambda: metric(facade, "facade_database_reachable") == 0, "the workers have noticed")

    _answers_stay_right_while_a_worker_is_killed(facade, generation)
    _a_new_server_serves_the_snapshot(facade)

    database.start()
    _a_repoint_arrives_everywhere(facade)


def _wait_for_the_snapshot(facade: Facade) -> int:
    newest: int = facade.request("GET", "/readyz").json()["generation"]
    wait_until(lambda: metric(facade, "facade_snapshot_generation") == newest, "the snapshot is written")
    return newest


def _answers_stay_right_while_a_worker_is_killed(facade: Facade, generation: int) -> None:
    each = wanted("https://ghcr.io")
    with Load(facade.port, each) as load:
        load.pause_seconds = PAUSE_SECONDS
        load.go_on(KILL_AFTER_SECONDS - IMPATIENT_SECONDS)
        load.pause_seconds = 0
        load.go_on(IMPATIENT_SECONDS)
        replacement, held = kill_a_worker(facade)
        with connection_to(replacement, facade) as connection:
            problems = [ask(connection, one) for one in each]
        load.pause_seconds = PAUSE_SECONDS
        load.go_on(LOAD_SECONDS - KILL_AFTER_SECONDS)
        assert facade.request("GET", "/readyz").status == 200
        facts = facade.request("GET", "/readyz").json()

    assert load.wrong == []
    assert not any(problems), problems
    assert load.answers > 1000
    # Nobody's connection breaks but those of the killed worker, each once.
    assert set(load.broken) <= held
    assert len(load.broken) == len(set(load.broken))
    assert facts["confirmed_seconds_ago"] > LOAD_SECONDS / 2
    assert facts["generation"] == generation


def _a_new_server_serves_the_snapshot(facade: Facade) -> None:
    facade.kill()
    facade.start(facade.port)

    assert facade.request("GET", "/readyz").json()["source"] == "snapshot"
    with Load(facade.port, wanted("https://ghcr.io")) as load:
        load.wait_for_answers(500)
    assert (load.wrong, load.broken) == ([], [])


def _a_repoint_arrives_everywhere(facade: Facade) -> None:
    facade.manage("repoint", HOST, "acme", "quay.io/acme", "--reason", "the database is back")

    facade.wait_for(PATH, 307, host=HOST, location="https://quay.io" + PATH)
    wait_until(lambda: metric(facade, "facade_database_reachable") == 1, "all workers reach the database")
    assert facade.request("GET", "/readyz").json()["source"] == "database"

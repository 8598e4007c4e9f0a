"""One writer that is stuck holds the others up for a bounded time, and they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.e2e.facade import USERNAME, Facade
from tests.e2e.lab import process
from tests.e2e.lab.process import Daemon, LabError, wait_until
from tests.e2e.postgresql import OutagePostgresql

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
HOLD = """
import time
from routing.services.base.actor import Actor
from routing.services.base.unit_of_work import unit_of_work
with unit_of_work(Actor.command_line(), ""):
    print("it is held", flush=True)
    time.sleep(3600)
"""


@pytest.fixture(scope="module")
def facade(server: OutagePostgresql) -> Iterator[Facade]:
    with Facade(
        database_url=server.url,
        workers=1,
        FACADE_PROBE_ON_SAVE="false",
        FACADE_LOCK_SECONDS="1",
        FACADE_IDLE_TRANSACTION_SECONDS="5",
    ) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        yield started


def test_a_lock_that_is_held_from_elsewhere_is_told(facade: Facade, server: OutagePostgresql) -> None:
    found = re.search(r"facade_\S+", facade.manage("create_api_token", USERNAME, "test"))
    assert found is not None
    token = {"Authorization": f"Bearer {found[0]}", "Content-Type": "application/json"}
    body = f'{{"hostname": "{HOST}", "prefix": "other", "target": "quay.io/other", "create_hostname": true}}'.encode()
    with psycopg.connect(server.url, application_name="psql") as stuck:
        stuck.execute("SELECT * FROM routing_generation FOR UPDATE")

        answer = facade.request("POST", "/api/v1/mappings", headers=token, body=body)
        with pytest.raises(LabError) as failed:
            facade.manage("suspend", "--hostname", HOST, "--message", "x")

        pid = stuck.info.backend_pid
        for said in (answer.json()["message"], str(failed.value)):
            assert "somebody else's change holds the database" in said
            # An operator can end it.
            assert f"SELECT pg_terminate_backend({pid})" in said
            assert "psql" in said
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "Traceback" not in facade.log() + str(failed.value)
        # Whoever only reads waits for nobody.
        assert facade.request("GET", "/api/v1/mappings", headers=token).status == 200
        stuck.rollback()
    assert facade.request("POST", "/api/v1/mappings", headers=token, body=body).status == 201


def test_a_process_of_ours_that_is_stuck_within_a_change_is_ended_by_the_server(facade: Facade) -> None:
    argv = facade.manage_argv("shell", "-c", HOLD)
    (folder := facade.directory / "stuck").mkdir()
    stuck = Daemon(argv, folder, facade.env)
    try:
        wait_until(lambda: "it is held" in stuck.log.read_text(), "the change has begun")

        def suspended() -> bool:
            done = process.run(facade.manage_argv("suspend", "--hostname", HOST, "--message", "x"), env=facade.env)
            assert done.ok or "holds the database" in done.output
            return done.ok

        wait_until(suspended, "others go on", 60)
        assert stuck.running
    finally:
        stuck.stop()
    facade.wait_for(PATH, 403, host=HOST)

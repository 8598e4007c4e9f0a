"""PostgreSQL on another machine falls silent because the packets between them are dropped, really, by the kernel."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import psycopg
import pytest

from tests.e2e.facade import PASSWORD, USERNAME, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.namespaces import Cable
from tests.e2e.postgresql import FarPostgresql

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
# Well below what TCP takes to give a silent peer up, with room for a busy machine.
WITHIN_SECONDS = 40.0
ANSWER_SECONDS = 30.0


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable() as laid:
        yield laid


@pytest.fixture
def database(cable: Cable) -> Iterator[FarPostgresql]:
    with FarPostgresql(cable) as server:
        yield server


@pytest.fixture
def facade(database: FarPostgresql) -> Iterator[Facade]:
    with Facade(database_url=database.url, FACADE_PROBE_ON_SAVE="false") as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        leads_to(started, "https://ghcr.io")
        yield started


def leads_to(facade: Facade, origin: str) -> None:
    facade.wait_for(PATH, 307, host=HOST, location=origin + PATH)


def status(facade: Facade) -> str:
    return str(facade.request("GET", "/readyz").json()["status"])


def reachable(facade: Facade) -> float:
    page = facade.request("GET", "/metrics").body.decode()
    found = re.search(r"^facade_database_reachable (\S+)$", page, re.MULTILINE)
    assert found
    return float(found[1])


@contextmanager
def signed_in(facade: Facade) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=facade.url, timeout=2 * ANSWER_SECONDS) as http:
        page = http.get("/accounts/login/")
        token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"csrfmiddlewaretoken": token, "login": USERNAME, "password": PASSWORD}
        assert http.post("/accounts/login/", data=form).status_code == 302
        yield http


def timed(call: Callable[[], int]) -> tuple[int, float]:
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_dropped_packets_are_told_survived_and_forgotten(facade: Facade, cable: Cable, database: FarPostgresql) -> None:
    token = facade.manage("create_api_token", USERNAME, "tests").strip()
    program = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with signed_in(facade) as person:
        assert person.get("/admin/").status_code == 200

        with cable.cut():
            wait_until(lambda: status(facade) == "stale", "readyz says so", WITHIN_SECONDS)
            wait_until(lambda: reachable(facade) == 0, "the metric says so", WITHIN_SECONDS)
            wait_until(lambda: "database unreachable" in facade.log(), "so does the log", WITHIN_SECONDS)
            leads_to(facade, "https://ghcr.io")
            mapping = {"hostname": HOST, "prefix": "new", "target": "quay.io/new", "create_hostname": True}
            body = json.dumps(mapping).encode()
            asked = {
                "api": lambda: facade.request("GET", "/api/v1/mappings", headers=program).status,
                "write": lambda: facade.request("POST", "/api/v1/mappings", headers=program, body=body).status,
                "admin": lambda: person.get("/admin/").status_code,
            }
            for what, call in asked.items():
                found, seconds = timed(call)
                assert found >= 500, what
                assert seconds < ANSWER_SECONDS, what
            # Others reach it: what they change meanwhile counts once the cable is mended.
            facade.manage(
                *("repoint", HOST, "acme", "quay.io/acme", "--reason", "test"),
                extra={"DATABASE_URL": database.local_url},
            )
            leads_to(facade, "https://ghcr.io")

        wait_until(lambda: reachable(facade) == 1, "the workers are back", WITHIN_SECONDS)
        leads_to(facade, "https://quay.io")
        wait_until(lambda: status(facade) == "ok", "readyz says so", WITHIN_SECONDS)
        assert person.get("/admin/").status_code == 200
        assert facade.request("POST", "/api/v1/mappings", headers=program, body=body).status == 201
    with psycopg.connect(database.local_url) as connection:
        row = connection.execute("SELECT count(*) FROM routing_mapping WHERE prefix = 'new'").fetchone()
    assert row == (1,)

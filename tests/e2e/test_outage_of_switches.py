"""The database is gone for a minute while switches are under way: a report, steps, a schedule, and who is told of them.

Nothing of it is lost, and nothing is done twice.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.facade import USERNAME, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.postgresql import OutagePostgresql
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer, ReceivedRequest
from tests.verification.content_registry import ContentRegistry

pytestmark = pytest.mark.long
HOST, TAGS = "docker.acme.test", 400
OUTAGE_SECONDS, PAUSE = 60.0, 15
NAMES = ("compared", "stepping", "scheduled")
SLOW_SECONDS = 0.1
#: Between two questions to the API.
ASK_SECONDS = 0.3


class Registries:
    """Two that have the same, and a receiver of webhooks."""

    def __init__(self) -> None:
        self.servers = [FaultyServer() for _ in range(3)]
        self.old, self.new = (ContentRegistry(server) for server in self.servers[:2])
        for name in NAMES[1:]:
            self.old.put_image(f"{name}/app", "1.0")
        for number in range(TAGS):
            self.old.put_image("compared/app", f"1.{number}", f"content {number % 20}")
        self.old.copy_to(self.new)
        self._slow_down(self.servers[1])
        self.hook = self.servers[2]
        self.hook.answers("/hook", 204)

    @staticmethod
    def _slow_down(server: FaultyServer) -> None:
        """So that the report is not over before the outage."""

        def later(behaviour: Behaviour) -> Behaviour:
            def answer(exchange: Exchange) -> None:
                time.sleep(SLOW_SECONDS)
                behaviour(exchange)

            return answer

        for path, behaviour in server._behaviours.items():
            server.on(path, later(behaviour))

    def told(self) -> list[tuple[str, int]]:
        """The messages that came, each once, as the event and the change set that it is about."""
        messages = {header(request, "webhook-id"): json.loads(request.body) for request in self.hook.requests}
        return [(each["data"]["event"], each["data"]["change_set_id"]) for each in messages.values()]


def header(request: ReceivedRequest, wanted: str) -> str:
    return next(value for name, value in request.headers.items() if name.lower() == wanted)


@pytest.fixture
def registries() -> Iterator[Registries]:
    made = Registries()
    yield made
    for server in made.servers:
        server.stop()


@pytest.fixture
def database() -> Iterator[OutagePostgresql]:
    with OutagePostgresql() as server:
        yield server


@pytest.fixture
def facade(database: OutagePostgresql, registries: Registries) -> Iterator[Facade]:
    with Facade(
        workers=2,
        database_url=database.url,
        FACADE_PROBE_ON_SAVE="false",
        FACADE_ALLOW_INSECURE_REGISTRIES="true",
        FACADE_ALLOW_PRIVATE_REGISTRIES="true",
    ) as running:
        for name in NAMES:
            running.manage("add_mapping", HOST, name, f"{registries.old.url}/{name}")
        hook = f"{registries.hook.url}/hook"
        running.manage("facade", "subscription", "add", "default", hook, "applied,in_steps,refused")
        yield running


class Api:
    """What people see, by the API."""

    def __init__(self, facade: Facade) -> None:
        self._facade = facade
        found = re.search(r"facade_\S+", facade.manage("create_api_token", USERNAME, secrets.token_hex(4)))
        assert found is not None
        self.token = {"Authorization": f"Bearer {found[0]}"}

    def get(self, path: str) -> Any:
        answer = self._facade.request("GET", f"/api/v1/{path}", headers=self.token)
        assert answer.status == 200, answer.body
        return answer.json()

    def send(self, path: str) -> None:
        headers = {**self.token, "Content-Type": "application/json"}
        answer = self._facade.request("POST", f"/api/v1/{path}", headers=headers, body=b"{}")
        assert answer.status in (200, 201, 202), answer.body

    def wait_for(self, path: str, name: str, what: str, *values: object) -> None:
        """Until that has one of these values."""

        def is_so() -> bool:
            time.sleep(ASK_SECONDS)
            found = self.get(path)
            # A change set is told with its guards beside it.
            told = found["change_set"] if "guards" in found else found
            return told[name] in values

        wait_until(is_so, what)

    def repoints(self, name: str) -> list[str]:
        """Who led a mapping elsewhere, each time."""
        entries = self.get("history?noun=mapping")["items"]
        return [each["actor"] for each in entries if each["name"] == f"{HOST}/{name}" and each["change_set"]]


def drafted(facade: Facade, registries: Registries, name: str) -> dict[str, Any]:
    """A set that moves one of the mappings."""
    which = ["--all-from", f"{registries.old.url}/{name}", "--to", f"{registries.new.url}/{name}"]
    made = facade.manage("facade", "changes", "draft", *which, "--reason", f"CHG of {name}", "--json")
    found: dict[str, Any] = json.loads(made)["change_set"]
    return found


def test_switches_under_way_outlive_a_minute_without_the_database(
    facade: Facade, database: OutagePostgresql, registries: Registries
) -> None:
    api = Api(facade)
    compared, stepping, scheduled = (drafted(facade, registries, name) for name in NAMES)
    at = f"{datetime.now(UTC) + timedelta(seconds=45):%Y-%m-%dT%H:%M:%S}"
    apply = ["facade", "changes", "apply"]
    skip = ["--at", at, "--skip-verification", "compared by hand"]
    facade.manage(*apply, str(scheduled["id"]), "--checksum", scheduled["checksum"], *skip)
    steps = ["--steps", "50,100", "--pause", str(PAUSE)]
    facade.manage(*apply, str(stepping["id"]), "--checksum", stepping["checksum"], *steps)
    api.send(f"changes/{compared['id']}/verify")
    began = api.get(f"changes/{compared['id']}")["report"]["id"]
    report = f"verifications/{began}"
    asked = registries.servers[1].requests
    wait_until(lambda: len(asked) > TAGS // 10, "the report is under way")

    database.stop()
    assert len(asked) < TAGS, "the report is over already"
    # As long as it takes, and not until anything is so: what is due meanwhile is due without a database.
    time.sleep(OUTAGE_SECONDS)
    database.start()

    # Pages and the API are back some seconds after it.
    wait_until(lambda: facade.request("GET", "/api/v1/live", headers=api.token).status == 200, "the API answers")
    api.wait_for(report, "state", "the report is whole", "done")
    for change_set in (stepping, scheduled):
        api.wait_for(f"changes/{change_set['id']}", "state", "it is applied", "applied")
    found = api.get(report)
    assert (found["compared"], found["total"], found["is_clean"]) == (TAGS, TAGS, True)
    assert len(api.repoints("scheduled")) == 1
    assert api.repoints("stepping").count("program: steps") == 2
    applied = {("change_set.applied", each["id"]) for each in (stepping, scheduled)}
    wait_until(lambda: applied <= set(registries.told()), "those who wait for it are told")
    assert [registries.told().count(each) for each in sorted(applied)] == [1, 1]

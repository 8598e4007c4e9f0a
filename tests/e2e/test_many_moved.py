"""Five hundred mappings are moved by one change set, and moved back, while clients ask for all of them without a pause.

Registries are not asked: clients are redirected, so that where each answer leads is all there is to judge.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.facade import ADDRESS, Facade, facade_on
from tests.e2e.lab.process import wait_until

WORKERS, CONNECTIONS, MAPPINGS = 2, 8, 500
# So that there is room for what is done meanwhile.
PAUSE_SECONDS = 0.005
HOST = "docker.acme.test"
OLD, NEW = "http://127.0.0.2:9001", "http://127.0.0.2:9002"
# On a connection, all that one worker answers: where every mapping leads changes at once, there and back.
THERE_AND_BACK = [OLD, NEW, OLD]


class Asker(threading.Thread):
    """One connection, which asks for one mapping after the other until it is told to stop."""

    def __init__(self, facade: Facade) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection(ADDRESS, facade.port, timeout=60)
        self._stop_asking = threading.Event()
        self._random = random.Random()
        #: Where the answers led, in their order; anything else than a redirect to either is kept whole.
        self.led: list[str] = []

    def run(self) -> None:
        while not self._stop_asking.is_set():
            self.led.append(self._ask(self._random.randrange(MAPPINGS)))
            time.sleep(PAUSE_SECONDS)
        self._connection.close()

    def _ask(self, number: int) -> str:
        path = f"/v2/team-{number}/app/manifests/1.0"
        headers = {"Host": HOST, "User-Agent": "docker/27.0.1"}
        try:
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        location = answer.headers.get("Location", "")
        led = next((side for side in (OLD, NEW) if location == f"{side}{path}"), "")
        return led if answer.status == 307 and led else f"{answer.status} {location} for {path}"

    def end(self) -> None:
        self._stop_asking.set()
        self.join()

    def runs(self) -> list[str]:
        """The answers, each time where they led to another place."""
        return [led for led, _ in itertools.groupby(self.led)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def facade(request: pytest.FixtureRequest) -> Iterator[Facade]:
    with facade_on(request.param, workers=WORKERS, FACADE_PROBE_ON_SAVE="false") as running:
        yield running


@pytest.fixture
def askers(facade: Facade, tmp_path: Path) -> Iterator[list[Asker]]:
    table = tmp_path / "mappings.csv"
    lines = (f"{HOST},team-{number},{OLD}/team-{number},redirect-only\n" for number in range(1, MAPPINGS))
    table.write_text("hostname,prefix,target,delivery\n" + "".join(lines))
    facade.manage("facade", "mapping", "add", HOST, "team-0", f"{OLD}/team-0", "--redirect-only")
    in_force(facade, "--csv", str(table))
    started = [Asker(facade) for _ in range(CONNECTIONS)]
    for asker in started:
        asker.start()
    try:
        yield started
    finally:
        for asker in started:
            asker.end()


def in_force(facade: Facade, *which: str) -> int:
    """Draft a set and apply it, and wait until all workers have it; gives its number."""
    drafted = facade.manage("facade", "changes", "draft", *which, "--reason", "CHG-1", "--json")
    made = json.loads(drafted)["change_set"]
    words = ["--checksum", made["checksum"], "--confirm", str(made["size"]), "--wait"]
    facade.manage("facade", "changes", "apply", str(made["id"]), *words)
    return int(made["id"])


def all_lead_to(askers: list[Asker], side: str) -> None:
    wait_until(lambda: all(asker.led and asker.led[-1] == side for asker in askers), f"all are led to {side}")


def test_no_answer_fails_and_none_is_mixed(facade: Facade, askers: list[Asker]) -> None:
    all_lead_to(askers, OLD)

    moved = in_force(facade, "--all-from", OLD, "--to", NEW)
    all_lead_to(askers, NEW)
    facade.manage("facade", "changes", "undo", str(moved), "--reason", "too early", "--wait")
    all_lead_to(askers, OLD)
    for asker in askers:
        asker.end()

    assert [asker.runs() for asker in askers] == [THERE_AND_BACK] * CONNECTIONS
    assert min(len(asker.led) for asker in askers) > MAPPINGS

"""The red button on real workers: frozen, restarted, without the database, and thawed; and what waits for a word."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
OLD, NEW, MOVED = "http://127.0.0.2:9001", "http://127.0.0.2:9002", "http://127.0.0.2:9003"
MANY = 110


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(FACADE_PROBE_ON_SAVE="false", FACADE_SNAPSHOT_SECONDS="0.2") as started:
        yield started


def repoint(facade: Facade, target: str) -> None:
    facade.manage("facade", "mapping", "repoint", HOST, "acme", f"{target}/acme", "--reason", "why")


def serves(facade: Facade, target: str) -> None:
    facade.wait_for(PATH, 307, host=HOST, location=f"{target}{PATH}")


def kept(facade: Facade) -> list[int]:
    told = json.loads(facade.manage("facade", "freeze", "--list", "--json"))
    return [each["generation"] for each in told["kept"]]


def held(facade: Facade) -> str:
    return str(facade.request("GET", "/readyz").json()["held"])


def wait_until_held(facade: Facade, word: str) -> None:
    wait_until(lambda: held(facade).startswith(word), f"the table is held: {word!r}")


def wait_until_free(facade: Facade) -> None:
    wait_until(lambda: held(facade) == "", "the newest table is served")


def test_the_red_button_from_the_first_press_to_the_last(facade: Facade) -> None:
    facade.manage("facade", "mapping", "add", HOST, "acme", f"{OLD}/acme", "--redirect-only")
    serves(facade, OLD)
    generation = facade.request("GET", "/readyz").json()["generation"]
    snapshot = facade.snapshot
    wait_until(
        lambda: snapshot.exists() and json.loads(snapshot.open("rb").readline())["generation"] == generation,
        "the snapshot is of that generation",
    )

    # Without a database: nothing of it is asked.
    frozen = facade.manage("facade", "freeze", extra={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert "Frozen: the workers hold the generation that they serve" in frozen
    wait_until_held(facade, f"frozen at generation {generation}")
    repoint(facade, NEW)
    assert "routing_mapping" in facade.seed("dump")
    serves(facade, OLD)

    # A server that is restarted meanwhile serves the same.
    written = snapshot.stat().st_mtime_ns
    facade.kill()
    facade.start(facade.port)
    serves(facade, OLD)
    wait_until_held(facade, "frozen")
    told = facade.request("GET", "/metrics").body.decode()
    assert "facade_table_frozen 1.0" in told

    # What stood for a while before it is replaced is kept.
    wait_until(lambda: snapshot.stat().st_mtime_ns != written, "the snapshot is written anew")
    os.utime(snapshot, (0, 0))
    facade.manage("facade", "thaw")
    serves(facade, NEW)
    wait_until_free(facade)
    wait_until(lambda: generation in kept(facade), "the table of before is kept")
    facade.manage("facade", "freeze", "--generation", str(generation))
    serves(facade, OLD)

    # Who is suspended is refused all the same, within a moment.
    facade.manage("facade", "hostname", "suspend", HOST, "--reason", "abuse")
    facade.wait_for(PATH, 403, host=HOST)
    facade.manage("facade", "hostname", "resume", HOST, "--reason", "settled")
    serves(facade, OLD)
    facade.manage("facade", "thaw")
    serves(facade, NEW)


def test_what_would_move_most_hostnames_waits_for_a_word(facade: Facade) -> None:
    facade.seed("many", str(MANY), OLD)
    last = f"h{MANY - 1}.many.test"
    facade.wait_for(PATH, 307, host=last, location=f"{OLD}{PATH}")

    facade.seed("move-many", OLD, MOVED)

    wait_until_held(facade, "alarm: generation")
    facade.wait_for(PATH, 307, host=last, location=f"{OLD}{PATH}")
    assert f"would remove or change {MANY} of" in facade.log()
    told = facade.request("GET", "/metrics").body.decode()
    assert "facade_table_alarm 1.0" in told

    assert "Confirmed generation" in facade.manage("facade", "confirm")

    facade.wait_for(PATH, 307, host=last, location=f"{MOVED}{PATH}")
    wait_until_free(facade)

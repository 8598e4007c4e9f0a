"""`/metrics`: what is told, to whom, and that it costs no query. Over several workers: tests/e2e/test_metrics.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from routing.core.decide import Request
from routing.dataplane.live.live_table import LiveTable, live_table
from routing.dataplane.telemetry.metrics import registry
from routing.management.maintenance import TASKS
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from tests.core.contract import DOCKER, PODMAN
from tests.dataplane.facade_client import MANIFEST, UPSTREAM, FacadeClient
from tests.dataplane.wire import send
from tests.fast_lane.lanes import table as build_table
from tests.registries.faulty_server import Exchange, FaultyServer

CONTROL = "localhost"
TOKEN = "correct-horse-battery"
Values = dict[str, float]


def scrape(**headers: str) -> Values:
    """Every sample of the page, by name and labels as written there."""
    answer = Client().get("/metrics", headers={"host": CONTROL, **headers})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def grown(before: Values, after: Values) -> Values:
    """What is more than it was, without the histograms' buckets and times."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and re.search(r"(_total|_count)($|\{)", name)
    }


def test_answers_are_told_by_decision_and_class_of_status() -> None:
    live_table.table = build_table()
    client = Client()
    before = scrape()
    pull = Request("GET", "docker.acme.com", "/v2/acme/app/manifests/1.0", "", DOCKER)
    for request in (
        pull,
        pull._replace(method="HEAD"),
        pull._replace(path="/v2/nobody/knows/manifests/1.0"),
        pull._replace(host="nobody.example"),
        pull._replace(user_agent=PODMAN, path="/v2/split/web/manifests/1.0"),
    ):
        send(client, request)

    answers = {name: count for name, count in grown(before, scrape()).items() if "answers_total" in name}

    assert answers == {
        "facade_answers_total{decision=redirect,status=3xx}": 2,
        "facade_answers_total{decision=refuse,status=4xx}": 2,
        "facade_answers_total{decision=challenge,status=4xx}": 1,
    }


async def test_relays_and_their_failures_are_told(facade_client: FacadeClient, server: FaultyServer) -> None:
    bearer = ("authorization", "Bearer x")
    server.answers(UPSTREAM[MANIFEST], 200, {}, b"12345678")
    before = told()
    await facade_client.request(MANIFEST, headers=[bearer])
    server.on(UPSTREAM[MANIFEST], Exchange.reset)
    await facade_client.request(MANIFEST, headers=[bearer])

    assert grown(before, told()) == {
        "facade_answers_total{decision=relay,status=2xx}": 1,
        "facade_answers_total{decision=relay,status=5xx}": 1,
        "facade_answer_seconds_count{decision=relay}": 2,
        "facade_registry_errors_total{kind=RegistryUnreachable}": 1,
        "facade_relayed_bytes_total": 8,
    }


def told() -> Values:
    """As `scrape`, from within an event loop."""
    from routing.dataplane.views.metrics import flush

    flush()
    return {
        f"{sample.name}{{{','.join(f'{n}={v}' for n, v in sample.labels.items())}}}"
        if sample.labels
        else sample.name: (sample.value)
        for family in registry.collect()
        for sample in family.samples
    }


@pytest.mark.django_db(transaction=True)
def test_the_table_and_the_way_of_a_change_are_told(
    platform: Actor, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = LiveTable()
    monkeypatch.setattr("routing.dataplane.views.metrics.live_table", following)
    assert scrape()["facade_database_reachable"] == 0
    add_mapping(platform, "", hostname="docker.acme.com", prefix="a", target="ghcr.io/a")
    following.refresh_or_keep()
    before = scrape()
    repoint(platform, "why", hostname="docker.acme.com", prefix="a", target="quay.io/a")
    following.refresh_or_keep()
    with django_assert_num_queries(0):
        after = scrape()

    assert following.table is not None
    assert after["facade_table_generation"] == after["facade_table_newest_generation"] == following.table.generation
    assert (after["facade_table_mappings"], after["facade_table_hostnames"]) == (1, 1)
    assert after["facade_database_reachable"] == 1
    assert after["facade_table_confirmed_timestamp_seconds"] > before["facade_table_confirmed_timestamp_seconds"]
    changes = "facade_change_seconds_count"
    assert after[changes] - before[changes] == following.table.generation - int(before["facade_table_generation"])


def test_the_reference_tells_of_every_metric_and_of_no_other() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "reference" / "metrics.md").read_text()
    told = set(re.findall(r"`(facade_[a-z_]+)", page))
    rows = re.findall(r"^\| `(facade_[a-z_]+)", page, re.MULTILINE)
    counted = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    # These are made anew for each answer.
    looked_up = re.findall(r'"(facade_[a-z_]+)"', (root / "routing" / "dataplane" / "views" / "metrics.py").read_text())

    assert told == counted | set(looked_up)
    assert [name for name in rows if rows.count(name) > 1] == []
    (row,) = (line for line in page.splitlines() if line.startswith("| `facade_maintenance_timestamp_seconds"))
    assert set(re.findall(r"`([a-z ]+)`", row)) == {task.name for task in TASKS}


def test_times_are_told_from_half_a_millisecond_on() -> None:
    live_table.table = build_table()
    send(Client(), Request("GET", "docker.acme.com", "/v2/acme/app/manifests/1.0", "", DOCKER))

    bounds = [
        float(found) for found in re.findall(r"answer_seconds_bucket\{decision=redirect,le=([0-9.]+)\}", str(scrape()))
    ]

    assert bounds[0] == 0.0005
    assert bounds[-1] >= 15


def test_no_sample_names_a_hostname_or_a_registry() -> None:
    live_table.table = build_table()
    send(Client(), Request("GET", "docker.acme.com", "/v2/acme/app/manifests/1.0", "", DOCKER))

    labels = {label for family in registry.collect() for sample in family.samples for label in sample.labels}

    assert labels <= {"decision", "status", "kind", "reason", "bound", "task", "le", "by", "how", "method"}
    assert "acme" not in str(scrape())


def test_without_a_token_only_programs_here_may_see_them() -> None:
    def status(peer: str, **headers: str) -> int:
        return Client(REMOTE_ADDR=peer).get("/metrics", headers={"host": CONTROL, **headers}).status_code

    assert (status("127.0.0.1"), status("::1")) == (200, 200)
    assert (status("192.0.2.1"), status("10.0.0.1"), status("")) == (403, 403, 403)
    # A proxy on this machine: its peer is this machine, whoever asked it.
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"):
        assert status("127.0.0.1", **{name: "192.0.2.1"}) == 403, name


def test_with_a_token_whoever_sends_it_may_see_them(settings: Settings) -> None:
    settings.FACADE_METRICS_TOKEN = TOKEN

    def ask(peer: str, authorization: str = "") -> Any:
        return Client(REMOTE_ADDR=peer).get("/metrics", headers={"host": CONTROL, "authorization": authorization})

    assert ask("192.0.2.1", f"Bearer {TOKEN}").status_code == 200
    for wrong in ("", TOKEN, f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", "Bearer é"):
        answer = ask("127.0.0.1", wrong)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text


def test_they_are_on_control_hosts_only_and_for_reading() -> None:
    live_table.table = build_table()

    assert Client().get("/metrics", headers={"host": "docker.acme.com"}).status_code == 404
    assert Client().post("/metrics", headers={"host": CONTROL}).status_code == 405


def test_they_are_told_before_there_is_a_table() -> None:
    assert scrape()["facade_table_generation"] == 0

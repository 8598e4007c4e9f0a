"""deploy/monitoring: its alerts and its dashboard ask for what the product tells, and the alerts fire when they should.

promtool, from Debian's prometheus, reads each expression, and plays the cases of alerts_test.yaml.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from routing.core.decide import Request
from routing.dataplane.live.live_table import live_table
from routing.dataplane.telemetry import metrics
from tests.core.contract import DOCKER
from tests.dataplane.wire import send
from tests.fast_lane.lanes import table as build_table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
ALERTS, CASES, DASHBOARD = FOLDER / "alerts.yaml", FOLDER / "alerts_test.yaml", FOLDER / "dashboard.json"
#: What Prometheus itself adds.
ITS_LABELS = {"job", "instance", "le", "__name__", "alertname", "alertstate"}
#: Grafana's names of units (its “unit” field) that the product's metrics are in.
UNITS = {"none", "reqps", "s", "bytes", "Bps", "percentunit"}
_METRIC = re.compile(r"\b(facade_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'([a-zA-Z_]+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, by what it belongs to."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def told() -> dict[str, set[str]]:
    """The samples that a real /metrics has, by name, with their labels; and those that it has once there is cause."""
    live_table.table = build_table()
    send(Client(), Request("GET", "docker.acme.com", "/v2/acme/app/manifests/1.0", "", DOCKER))
    answer = Client().get("/metrics", headers={"host": "localhost"})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for counter in (*metrics.COUNTERS.values(), metrics.TABLE_LOADS):
        found.setdefault(f"{counter._name}_total", set()).update(counter._labelnames)
    for histogram in (metrics.ANSWER_SECONDS, metrics.CHANGE_SECONDS):
        found.setdefault(f"{histogram._name}_bucket", set()).update(histogram._labelnames)
    # What is read from files is told where there are any; the source says under which names.
    source = (ROOT / "routing" / "dataplane" / "views" / "metrics.py").read_text()
    for name, arguments in re.findall(r'MetricFamily\(\s*"(facade_[a-z_]+)"(.*?)\n?\s*\)', source, re.S):
        labels = re.search(r"labels=\[(.*?)\]", arguments)
        found.setdefault(name, set()).update(re.findall(r'"([a-z]+)"', labels[1]) if labels else ())
    return found


def test_every_metric_and_label_that_is_asked_for_is_told() -> None:
    known = told()
    asked = list(expressions())

    for where, expression in asked:
        used: set[str] = set()
        for name, matchers in _METRIC.findall(expression):
            assert name in known, (where, name)
            used |= known[name]
            wanted = set(_LABEL.findall(matchers))
            assert wanted <= known[name] | ITS_LABELS, (where, name, wanted)
        grouped = {each.strip() for group in _GROUPING.findall(expression) for each in group.split(",")}
        assert grouped <= used | ITS_LABELS, (where, grouped)
    assert len(asked) > 40


def test_the_alerts_that_the_reference_asks_for_are_there() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    rows = [line for line in page.splitlines() if re.search(r"[Aa]larm (on|where|below)", line)]
    alerted = set(_METRIC.findall(" ".join(rule["expr"] for rule in rules())))
    names = {name for name, _ in alerted}

    assert len(rows) >= 6
    for line in rows:
        assert set(re.findall(r"`(facade_[a-z_]+)", line)) & names, line


def test_each_alert_says_what_it_is_and_how_urgent_and_names_no_label_that_it_lacks() -> None:
    known = told()
    alerts = rules()

    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 15
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]
        used = set().union(*(known[name] for name, _ in _METRIC.findall(rule["expr"])), {"job", "instance"})
        shown = set(re.findall(r"\$labels\.([a-z_]+)", " ".join(rule["annotations"].values())))
        assert shown <= used, rule["alert"]
        for page in re.findall(r"docs/[a-z/-]+\.md", " ".join(rule["annotations"].values())):
            assert (ROOT / page).is_file(), page


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    expected = [
        sample["labels"] for case in cases for each in case["promql_expr_test"] for sample in each["exp_samples"]
    ]
    silent = [case for case in cases if not case["promql_expr_test"][0]["exp_samples"]]

    assert {re.findall(r'alertname="(\w+)"', labels)[0] for labels in expected} == {rule["alert"] for rule in rules()}
    assert len(silent) > 15


@pytest.mark.e2e
def test_promtool_takes_the_rules_and_their_cases_come_out() -> None:
    for words in (["check", "rules", ALERTS.name], ["test", "rules", CASES.name]):
        done = subprocess.run(
            ["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.e2e
def test_a_case_that_does_not_come_out_is_found(tmp_path: Path) -> None:
    """Otherwise the test above would say nothing."""
    (tmp_path / ALERTS.name).write_text(
        ALERTS.read_text().replace("facade_table_alarm == 1", "facade_table_alarm == 2")
    )
    (tmp_path / CASES.name).write_text(CASES.read_text())

    done = subprocess.run(
        ["promtool", "test", "rules", CASES.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode != 0
    assert "FacadeChangesHeld" in done.stdout + done.stderr


@pytest.mark.e2e
def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [
        {"record": f"dashboard:{number}", "expr": expression.replace("$job", ".*").replace("$instance", ".*")}
        for number, (_, expression) in enumerate(expressions())
    ]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))

    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_panel_can_be_told_apart_is_described_and_has_a_unit() -> None:
    board = json.loads(DASHBOARD.read_text())
    drawn = [panel for panel in board["panels"] if panel["type"] != "row"]

    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert len({panel["title"] for panel in drawn}) == len(drawn) > 20
    for panel in drawn:
        assert panel["type"] in ("stat", "timeseries"), panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            assert 'job=~"$job", instance=~"$instance"' in target["expr"], panel["title"]
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "job", "instance"]


def test_panels_stand_side_by_side_and_never_on_top_of_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + across, place["y"] + down) for across in range(place["w"]) for down in range(place["h"])}
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells

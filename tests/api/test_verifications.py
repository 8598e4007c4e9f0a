"""Reports by the API: begun, looked at while they are made, listed, had as a file, stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.models import Mapping
from routing.services.base.actor import Actor
from tests.api.conftest import ApiClient
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(owner: Person, platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


def start(api: ApiClient, move: Move, **more: object) -> dict[str, object]:
    mapping: Mapping = move.mapping()
    candidates = [{"mapping_id": mapping.pk, "target": f"{move.new.url}/{APP}"}]
    answer = api.send("post", "verifications", candidates=candidates, **more)
    assert answer.status_code == 201, answer.content
    found: dict[str, object] = answer.json()
    return found


def test_a_report_is_begun_made_meanwhile_and_read(api: ApiClient, move: Move) -> None:
    move.new.remove_manifest(APP, "2.0")

    begun = start(api, move)
    do_jobs()
    report = api.get(f"verifications/{begun['id']}").json()
    listed = api.get(f"verifications/{begun['id']}/differences").json()

    assert (begun["state"], begun["finished_at"]) == ("waiting", None)
    assert (report["state"], report["is_clean"], report["compared"]) == ("done", False, 3)
    assert report["counts"] == {"missing-tag": 1}
    assert report["switches"][0]["source"] == f"{HOST}/{APP}"
    assert [(each["kind"], each["reference"]) for each in listed["items"]] == [("missing-tag", "2.0")]


def test_differences_are_had_by_kind_as_csv_and_as_a_plan(api: ApiClient, move: Move) -> None:
    move.new.remove_manifest(APP, "2.0")
    path = f"verifications/{start(api, move, add=['nope'])['id']}"
    do_jobs()

    one_kind = api.get(f"{path}/differences", kind="no-such-tag").json()
    csv = api.get(f"{path}/differences.csv")
    plan = api.get(f"{path}/plan", tool="crane")

    assert [each["reference"] for each in one_kind["items"]] == ["nope"]
    assert csv["Content-Type"] == "text/csv; charset=utf-8"
    assert len(csv.getvalue().decode().splitlines()) == 3
    assert "crane copy" in plan.content.decode()
    assert api.get(f"{path}/differences", kind="none").status_code == 422
    assert api.get(f"{path}/plan", tool="cp").status_code == 422


def test_one_that_is_stopped_says_so(api: ApiClient, move: Move) -> None:
    path = f"verifications/{start(api, move)['id']}"

    assert api.send("post", f"{path}/stop").status_code == 200
    do_jobs()

    assert api.get(path).json()["state"] == "stopped"


def test_what_can_not_be_meant_is_refused_at_its_input(api: ApiClient, move: Move) -> None:
    mapping = move.mapping()
    candidates = [{"mapping_id": mapping.pk, "target": f"{move.new.url}/{APP}"}]

    answer = api.send("post", "verifications", candidates=candidates, add=["no tag"])

    assert answer.status_code == 422
    assert "no tag, digest, or repository:tag" in answer.content.decode()

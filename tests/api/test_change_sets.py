"""Change sets by the API: their life, what has to be said, and how refusals are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.models import Mapping
from routing.services.mappings.mappings import add_mapping, repoint
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

HOST = "docker.acme.com"
REPOINT = {"source": "docker.io/acme", "target": "ghcr.io/acme"}


@pytest.fixture
def mappings(owner: Person) -> list[Mapping]:
    return [
        add_mapping(owner.actor, "", hostname=HOST, prefix=prefix, target=f"docker.io/acme/{prefix}").mapping
        for prefix in ("app", "web")
    ]


def drafted(api: ApiClient, **body: Any) -> dict[str, Any]:
    answer = api.send("post", "changes", **{"message": "CHG-1", "repoint": REPOINT, **body})
    assert answer.status_code == 201, answer.json()
    said: dict[str, Any] = answer.json()
    return said


def apply(api: ApiClient, review: dict[str, Any], **words: Any) -> Any:
    change_set = review["change_set"]
    return api.send("post", f"changes/{change_set['id']}/apply", checksum=change_set["checksum"], **words)


def targets() -> list[str]:
    return [mapping.target for mapping in Mapping.objects.with_names().order_by("prefix")]


def test_the_life_of_a_change_set(api: ApiClient, mappings: list[Mapping]) -> None:
    review = drafted(api)
    assert review["changes"][0] == {
        "mapping_id": mappings[0].pk,
        "mapping": f"{HOST}/app",
        "steps": [{"what": "target", "before": "docker.io/acme/app", "after": "ghcr.io/acme/app"}],
    }
    assert review["guards"] == {"confirm": "", "credentials_move": "", "approval": ""}

    applied = apply(api, review).json()
    assert (applied["state"], applied["tenant"], applied["size"]) == ("applied", "acme", 2)
    assert targets() == ["ghcr.io/acme/app", "ghcr.io/acme/web"]
    entry = api.get("history", noun="mapping", id=mappings[0].pk).json()["items"][0]
    assert (entry["change_set"], entry["reason"]) == (applied["id"], "CHG-1")

    undone = api.send("post", f"changes/{applied['id']}/undo", message="it broke")
    assert (undone.status_code, undone.json()["undoes"]) == (201, applied["id"])
    assert targets() == ["docker.io/acme/app", "docker.io/acme/web"]
    states = [row["state"] for row in api.get("changes").json()["items"]]
    assert states == ["applied", "undone"]
    assert api.get("changes", state="undone", tenant="acme").json()["count"] == 1


def test_scheduled_without_verification_for_a_reason(api: ApiClient, mappings: list[Mapping]) -> None:
    change_set = drafted(api)["change_set"]
    path, checksum = f"changes/{change_set['id']}/schedule", change_set["checksum"]
    at = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

    planned = api.send("post", path, checksum=checksum, at=at)
    assert (planned.status_code, planned.json()["skip_verification"]) == (200, "")
    skipped = api.send("post", path, checksum=checksum, at=at, skip_verification="copied by hand")
    assert (skipped.json()["state"], skipped.json()["skip_verification"]) == ("scheduled", "copied by hand")
    # What is applied at once is not verified by that.
    assert apply(api, {"change_set": change_set}, skip_verification="x").status_code == 422


def test_single_mappings_and_their_options(api: ApiClient, mappings: list[Mapping]) -> None:
    wanted = [
        {"mapping_id": mappings[0].pk, "target": "quay.io/acme"},
        {"mapping_id": mappings[1].pk, "enabled": False},
    ]

    review = drafted(api, repoint=None, mappings=wanted)

    assert apply(api, review).status_code == 200
    assert targets() == ["quay.io/acme", "docker.io/acme/web"]
    assert not Mapping.objects.get(prefix="web").enabled


@pytest.mark.parametrize("body", [{}, {"repoint": REPOINT, "mappings": [{"mapping_id": 1}]}])
def test_a_draft_is_of_one_source(api: ApiClient, body: dict[str, Any]) -> None:
    answer = api.send("post", "changes", message="m", **body)

    assert answer.status_code == 422
    assert "one of repoint, mappings and csv" in answer.json()["message"]


def test_what_was_changed_since_is_a_conflict_that_tells_all_of_it(
    owner: Person, api: ApiClient, mappings: list[Mapping]
) -> None:
    review = drafted(api)
    for prefix in ("app", "web"):
        repoint(owner.actor, "r", hostname=HOST, prefix=prefix, target="quay.io/acme")

    answer = apply(api, review)

    said = answer.json()
    assert (answer.status_code, said["code"]) == (409, "changed_since")
    assert len(said["fields"][""]) == 2
    assert len(api.get(f"changes/{review['change_set']['id']}").json()["differences"]) == 2
    again = api.send("patch", f"changes/{review['change_set']['id']}").json()
    assert again["differences"] == []
    assert apply(api, again).status_code == 200


def test_applying_it_once_more_is_a_conflict(api: ApiClient, mappings: list[Mapping]) -> None:
    review = drafted(api)
    apply(api, review)

    answer = apply(api, review)

    assert (answer.status_code, answer.json()["code"]) == (409, "change_set_closed")


def test_what_has_to_be_said_is_told_at_its_input(owner: Person, api: ApiClient) -> None:
    for number in range(12):
        target = f"docker.io/acme/app{number}"
        add_mapping(owner.actor, "", hostname=HOST, prefix=f"app{number}", target=target, private=number == 0)
    review = drafted(api)

    assert review["guards"]["confirm"] == "it changes 12 of the 12 mappings of Acme"
    first, second = apply(api, review), apply(api, review, confirm=12)
    assert (first.status_code, first.json()["code"], list(first.json()["fields"])) == (
        422,
        "confirmation_required",
        ["confirm"],
    )
    assert list(second.json()["fields"]) == ["credentials_move"]
    assert apply(api, review, confirm=12, credentials_move=True).status_code == 200


def test_a_second_person_approves(owner: Person, teammate: Person, api: ApiClient, mappings: list[Mapping]) -> None:
    mates = api_client_for(teammate)
    assert mates.send("put", "tenants/acme/approval", needed=True).status_code == 403
    assert api.send("put", "tenants/acme/approval", needed=True).json()["needs_approval"]
    review = drafted(api)
    reviewed = {"checksum": review["change_set"]["checksum"]}
    path = f"changes/{review['change_set']['id']}/approve"

    assert apply(api, review).json()["code"] == "approval_required"
    assert api.send("post", path, **reviewed).status_code == 403
    assert mates.send("post", path, **reviewed).json()["approved_by"].startswith("bob")
    assert apply(api, review).status_code == 200


def test_a_mapping_is_rolled_back(owner: Person, api: ApiClient, mappings: list[Mapping]) -> None:
    repoint(owner.actor, "r", hostname=HOST, prefix="app", target="quay.io/acme")
    first = api.get("history", noun="mapping", id=mappings[0].pk).json()["items"][-1]["number"]

    answer = api.send("post", f"mappings/{mappings[0].pk}/roll-back", message="back", to=first)

    assert answer.status_code == 201
    assert targets()[0] == "docker.io/acme/app"
    assert api.send("post", f"mappings/{mappings[0].pk}/roll-back", message="m", to=10**9).status_code == 404


def test_a_discarded_one_stays_in_the_list(api: ApiClient, mappings: list[Mapping]) -> None:
    review = drafted(api)

    assert api.send("post", f"changes/{review['change_set']['id']}/discard").json()["state"] == "discarded"
    assert api.get("changes").json()["count"] == 1


def test_a_table_is_previewed_and_drafted(api: ApiClient, mappings: list[Mapping]) -> None:
    table = f"hostname,prefix,target\n{HOST},app,\n{HOST},web,quay.io/web\n{HOST},new,quay.io/new\n{HOST},x,\n"

    told = api.send("post", "changes/preview-import", csv=table).json()

    assert (told["total"], told["can_be_drafted"]) == (4, False)
    assert told["counts"] == {"add": 1, "repoint": 1, "change options": 0, "nothing": 1, "error": 1}
    assert [(line["line"], line["mapping"], line["deed"]) for line in told["lines"]] == [
        (3, f"{HOST}/web", "repoint"),
        (4, f"{HOST}/new", "add"),
        (5, f"{HOST}/x", "error"),
    ]
    assert api.send("post", "changes", message="m", csv=table).status_code == 422
    review = api.send("post", "changes", message="m", csv=table.rsplit("\n", 2)[0]).json()
    assert [(line["mapping_id"], line["mapping"]) for line in review["changes"]] == [
        (None, f"{HOST}/new"),
        (mappings[1].pk, f"{HOST}/web"),
    ]
    assert apply(api, review).json()["state"] == "applied"
    assert targets() == ["docker.io/acme/app", "quay.io/new", "quay.io/web"]


def test_the_export_is_an_import_that_changes_nothing(api: ApiClient, mappings: list[Mapping]) -> None:
    answer = api.get("mappings/export.csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    table = answer.getvalue().decode()
    assert len(table.splitlines()) == 3
    assert api.send("post", "changes/preview-import", csv=table).json()["counts"]["nothing"] == 2
    assert len(api.get("mappings/export.csv", hostname="docker.globex.com").getvalue().decode().splitlines()) == 1


def test_what_is_no_table_is_told_at_its_field(api: ApiClient) -> None:
    answer = api.send("post", "changes/preview-import", csv="hostname\n")

    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == ["csv"]

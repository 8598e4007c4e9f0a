"""Labels by the API: in answers, in what is sent, and as a question of lists."""

from __future__ import annotations

from typing import Any

import pytest

from routing.models import Hostname, Mapping, Registry
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

HOST = "docker.acme.com"


@pytest.fixture
def ids(api: ApiClient, owner: Person) -> dict[str, int]:
    """One row of each kind, labelled."""
    mapping = api.send("post", "mappings", hostname=HOST, prefix="app", target="ghcr.io/acme", labels=["team=web", "a"])
    registry = api.send(
        "post", "registries", tenant="acme", name="Ours", origin="https://r.acme.com", labels=["team=web", "a"]
    )
    api.send("patch", f"hostnames/{owner.hostname.pk}", labels=["team=web", "a"])
    return {
        "mappings": mapping.json()["mapping"]["id"],
        "registries": registry.json()["id"],
        "hostnames": owner.hostname.pk,
    }


def names(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize("noun", ["mappings", "hostnames", "registries"])
def test_labels_are_set_told_asked_for_and_taken_away(api: ApiClient, ids: dict[str, int], noun: str) -> None:
    path = f"{noun}/{ids[noun]}"

    assert api.get(path).json()["labels"] == ["a", "team=web"]
    for wanted in ("team=web", "team", "a"):
        assert names(api.get(noun, label=wanted)) == [ids[noun]]
    assert names(api.get(f"{noun}?label=a&label=team")) == [ids[noun]]
    for wanted in ("team=api", "web", "tea"):
        assert names(api.get(noun, label=wanted)) == []
    assert names(api.get(f"{noun}?label=a&label=b")) == []

    # What isn't given stays.
    api.send("patch", path, reason="nothing")
    assert api.get(path).json()["labels"] == ["a", "team=web"]
    assert api.send("patch", path, labels=[]).status_code == 200
    assert api.get(path).json()["labels"] == []


@pytest.mark.parametrize("noun", ["mappings", "hostnames", "registries"])
@pytest.mark.parametrize("wrong", [["Team"], ["<script>"], ["a=1", "a=2"], ["x" * 64], ["a\0"], ["a"] * 21])
def test_what_is_no_label_is_refused_with_the_field(
    api: ApiClient, ids: dict[str, int], noun: str, wrong: list[str]
) -> None:
    answer = api.send("patch", f"{noun}/{ids[noun]}", labels=wrong)

    assert answer.status_code == 422, answer.content
    assert [field.partition(".")[0] for field in answer.json()["fields"]] == ["labels"]
    assert api.get(f"{noun}/{ids[noun]}").json()["labels"] == ["a", "team=web"]


def test_a_label_that_nobody_can_have_is_told_rather_than_not_found(api: ApiClient, ids: dict[str, int]) -> None:
    answer = api.get("mappings", label="Team Web")

    assert answer.status_code == 422
    assert "is no label" in answer.content.decode()


def test_a_stale_change_of_labels_is_refused(api: ApiClient, ids: dict[str, int]) -> None:
    path = f"mappings/{ids['mappings']}"
    tag = api.get(path)["ETag"]
    api.send("patch", path, private=True)

    answer = api.send("patch", path, headers={"If-Match": tag}, labels=["mine"])

    assert answer.status_code == 412
    assert api.get(path).json()["labels"] == ["a", "team=web"]


def test_other_tenants_and_tokens_that_only_read_change_no_label(
    ids: dict[str, int], teammate: Person, outsider: Person
) -> None:
    reader, stranger = api_client_for(teammate, read_only=True), api_client_for(outsider)

    for noun, pk in ids.items():
        assert reader.get(f"{noun}/{pk}").json()["labels"] == ["a", "team=web"]
        assert reader.send("patch", f"{noun}/{pk}", labels=["mine"]).status_code == 403
        assert stranger.send("patch", f"{noun}/{pk}", labels=["mine"]).status_code == 404
        assert names(stranger.get(noun, label="team=web")) == []
    rows: list[Any] = [Mapping.objects.get(), Hostname.objects.get(name=HOST), Registry.objects.get(name="Ours")]
    assert {row.labels for row in rows} == {"a team=web"}


def test_the_history_tells_of_them(api: ApiClient, ids: dict[str, int]) -> None:
    api.send("patch", f"mappings/{ids['mappings']}", labels=["b"], reason="CHG-7")

    newest = api.get("history", noun="mapping").json()["items"][0]

    assert newest["changes"] == [{"field": "labels", "before": "a team=web", "after": "b"}]

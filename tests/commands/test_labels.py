"""facade mapping, hostname and registry label, and the lists that are asked for some."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.models import Mapping
from tests.commands.facade import facade

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _two_mappings(settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = False
    facade("mapping", "add", HOST, "web", "ghcr.io/web", "--label", "team=web", "--label", "legacy")
    facade("mapping", "add", HOST, "app", "ghcr.io/app")


def test_a_mapping_is_labelled_and_says_what_it_has() -> None:
    said = facade("mapping", "label", HOST, "web", "wave-1", "team=api", "--remove", "legacy", "--reason", "CHG-7")

    assert said.out.strip() == f"Changed the labels of mapping {HOST}/web → ghcr.io/web: it has team=api, wave-1"
    assert Mapping.history.latest().history_change_reason == "CHG-7"
    again = facade("mapping", "label", HOST, "web", "wave-1", "--json").json
    assert (again["changed"], again["mapping"]["labels"]) == (False, ["team=api", "wave-1"])
    assert "team=api, wave-1" in facade("mapping", "show", HOST, "web").out
    gone = facade("mapping", "label", HOST, "web", "--remove", "team", "--remove", "wave-1")
    assert gone.out.endswith("it has none\n")


def test_a_dry_run_changes_nothing() -> None:
    assert "it has wave-1" in facade("mapping", "label", HOST, "app", "wave-1", "--dry-run").out
    assert Mapping.objects.get(prefix="app").labels == ""


@pytest.mark.parametrize("words", [[], ["Team"], ["a=1", "a=2"], ["a", "--remove", "a"]])
def test_what_can_t_be_is_refused_and_nothing_changes(words: list[str]) -> None:
    said = facade("mapping", "label", HOST, "app", *words)

    assert said.status == 1
    assert said.err
    assert Mapping.objects.get(prefix="app").labels == ""


def test_hostnames_and_registries_are_labelled_as_well() -> None:
    assert "hostname docker.acme.com: it has eu" in facade("hostname", "label", HOST, "eu").out
    assert "registry ghcr.io: it has paid" in facade("registry", "label", "ghcr.io", "paid").out
    assert [row["hostname"] for row in facade("hostname", "list", "--label", "eu", "--json").json] == [HOST]
    assert facade("hostname", "list", "--label", "us", "--json").json == []
    assert [row["labels"] for row in facade("registry", "list", "--label", "paid", "--json").json] == [["paid"]]
    assert "eu" in facade("hostname", "show", HOST).out
    assert "paid" in facade("registry", "show", "ghcr.io").out
    assert "claims have no labels" in facade("hostname", "list", "--claims", "--label", "eu").err


def test_lists_are_asked_for_labels() -> None:
    def found(*labels: str) -> list[str]:
        words = [word for label in labels for word in ("--label", label)]
        return [row["prefix"] for row in facade("mapping", "list", *words, "--json").json]

    assert found() == ["app", "web"]
    assert found("team") == found("team=web") == found("team", "legacy") == ["web"]
    assert found("team=api") == found("team", "other") == []
    assert facade("mapping", "list", "--label", "team").out.split() == [
        *[f"{HOST}/web", "→", "ghcr.io/web", "(legacy,", "team=web)"]
    ]
    assert "No such mapping has this label." in facade("mapping", "list", "--label", "other").out
    assert "is no label" in facade("mapping", "list", "--label", "Team").err
    assert facade("mapping", "list", "--label", "team", "--csv").out.splitlines()[1:] == [
        f"{HOST},web,ghcr.io/web,yes,no,no,auto,,legacy team=web"
    ]

"""facade verify, and the look before facade mapping repoint: what they say, and their exit status."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO

import pytest
from pytest_django import Settings

from routing.models import Mapping
from routing.services.base.actor import Actor
from tests.commands.facade import Done, facade
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield made


def verify(move: Move, *options: str) -> Done:
    if not Mapping.objects.exists():
        move.mapping()
    return facade("verify", HOST, APP, "--to", f"{move.new.url}/{APP}", *options)


def test_a_clean_report_ends_with_0_and_tells_the_cost_before(move: Move) -> None:
    said = verify(filled(move))

    assert said.status == 0
    assert said.out.startswith("Compared 3 of 3 references; 0 differences. Report ")
    assert said.err.startswith("3 references: 0 counted pulls of Docker Hub, about ")


def test_a_difference_is_a_line_and_ends_with_3(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "2.0")

    said = verify(move)

    assert said.status == 3
    first, last = said.out.splitlines()
    assert first.split() == ["missing-tag", f"{HOST}/{APP}:2.0"]
    assert last.startswith("Compared 3 of 3 references; 1 difference (missing-tag 1). Report ")


def test_it_is_json_or_csv_for_programs(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "2.0")

    document = json.loads(verify(move, "--json").out)
    rows = list(csv.DictReader(StringIO(verify(move, "--csv").out)))

    assert (document["report"]["difference_count"], document["report"]["is_clean"]) == (1, False)
    assert [row["kind"] for row in rows] == [each["kind"] for each in document["differences"]] == ["missing-tag"]
    assert rows[0]["old_digest"].startswith("sha256:")


def test_the_cost_alone_is_said_and_nothing_compared(move: Move) -> None:
    said = verify(filled(move), "--cost")

    assert said.status == 0
    assert said.out.startswith("Compared 0 of 3 references")


def test_a_plan_is_a_script_for_the_tool(move: Move) -> None:
    filled(move).new.remove_manifest(APP, "2.0")

    said = verify(move, "--plan", "skopeo")

    assert said.status == 3
    assert said.out.startswith("#!/bin/sh\n# Made by Registry Facade from verification ")
    assert f"{APP}:2.0\n" in said.out


def test_what_is_not_there_ends_with_3_and_what_can_not_be_meant_with_1(move: Move) -> None:
    assert facade("verify", HOST, "none", "--to", "ghcr.io/acme").status == 3
    filled(move)
    assert verify(move, "--add", "not a tag").status == 1
    assert facade("verify", HOST, APP).status == 2


class TestRepoint:
    @pytest.fixture(autouse=True)
    def _verifies(self, settings: Settings) -> None:
        settings.FACADE_VERIFY_ON_REPOINT = True

    def repoint(self, move: Move, *options: str) -> Done:
        if not Mapping.objects.exists():
            move.mapping()
        return facade("mapping", "repoint", HOST, APP, f"{move.new.url}/{APP}", "--reason", "moved", *options)

    def test_where_nothing_differs_it_is_repointed_and_said_to_be_verified(self, move: Move) -> None:
        said = self.repoint(filled(move))

        assert said.status == 0
        assert said.out.startswith("Verified: nothing differs in 3 references, report ")
        assert Mapping.objects.get().registry.origin == move.new.url

    def test_where_something_differs_nothing_is_repointed(self, move: Move) -> None:
        filled(move).new.remove_manifest(APP, "2.0")

        said = self.repoint(move)

        assert said.status == 3
        assert "Not repointed: 1 differences" in said.err
        assert "--skip-verification" in said.err
        assert Mapping.objects.get().registry.origin == move.old.url

    def test_who_is_in_a_hurry_skips_that_by_one_flag_and_the_history_says_so(self, move: Move) -> None:
        filled(move).new.remove_manifest(APP, "2.0")

        assert self.repoint(move, "--skip-verification").status == 0

        assert Mapping.objects.get().registry.origin == move.new.url
        assert Mapping.history.latest("history_id").history_change_reason == "not verified: moved"

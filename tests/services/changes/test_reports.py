"""A change set and its verification report: begun together, told together, and judged against the draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.core.table.routing_table import Table
from routing.models import ChangeSet, Registry, Verification
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.changes.applying import apply
from routing.services.changes.drafts import draft, redraft
from routing.services.changes.reports import report_of, verify_set
from routing.services.changes.wishes import Wish
from routing.services.people.api_tokens import create_api_token
from routing.services.registries.targets import parse_target
from routing.services.verifications.verifications import Options, make_report
from tests.admin.conftest import AdminClient, text_of
from tests.api.conftest import ApiClient
from tests.commands.facade import facade
from tests.conftest import Person
from tests.verification.moves import APP, Move, a_move, filled, found_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(owner: Person, platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


@pytest.fixture
def change_set(move: Move) -> ChangeSet:
    """From the old registry to the new one."""
    wish = Wish(move.mapping().pk, parse_target(f"{move.new.url}/{APP}"))
    return draft(move.actor, "CHG-1", wishes=[wish])


def made(move: Move, change_set: ChangeSet, **options: Any) -> Verification:
    started = verify_set(move.actor, change_set_id=change_set.pk, options=Options(**options))
    return make_report(started.pk)


class TestReports:
    def test_a_set_and_its_report_name_each_other(self, move: Move, change_set: ChangeSet) -> None:
        row = made(move, change_set)

        assert (row.change_set, row.is_clean, row.total) == (change_set.pk, True, 3)
        found = report_of(move.actor, change_set)
        assert found is not None
        assert (found.report, found.misfits) == (row, [])

    def test_it_is_about_where_the_set_would_have_mappings_lead(self, move: Move, change_set: ChangeSet) -> None:
        move.new.remove_manifest(APP, "2.0")

        assert found_in(made(move, change_set)) == [("missing-tag", "2.0")]

    def test_the_newest_counts(self, move: Move, change_set: ChangeSet) -> None:
        made(move, change_set)
        newest = made(move, change_set)

        found = report_of(move.actor, change_set)
        assert found is not None
        assert found.report == newest

    def test_one_of_before_the_draft_says_so(self, move: Move, change_set: ChangeSet) -> None:
        made(move, change_set)
        change_set = redraft(move.actor, change_set_id=change_set.pk)

        assert misfits(move, change_set) == ["it is older than the draft"]

    def test_one_of_other_targets_says_so(self, move: Move, change_set: ChangeSet) -> None:
        made(move, change_set)
        elsewhere = Wish(change_set.mapping_ids[0], parse_target(f"{move.new.url}/other"))
        change_set = redraft(move.actor, change_set_id=change_set.pk, wishes=[elsewhere])

        other = "of 1 of 1 mappings it compared other targets, or none"
        assert misfits(move, change_set) == ["it is older than the draft", other]

    def test_so_does_one_of_an_address_that_the_registry_no_longer_has(self, move: Move, change_set: ChangeSet) -> None:
        made(move, change_set)
        ChangeSet.objects.filter(pk=change_set.pk).update(drafted_at=change_set.drafted_at.replace(year=2020))
        row = Registry.objects.get(origin=move.new.url)
        change_set.refresh_from_db()
        change_set.basis["registries"][str(row.pk)]["address"] = "https://moved.example.com"
        change_set.save()

        assert misfits(move, change_set) == ["of 1 of 1 mappings it compared other targets, or none"]

    def test_one_that_compared_nothing_says_so(self, move: Move, change_set: ChangeSet) -> None:
        made(move, change_set, cost_only=True)

        assert misfits(move, change_set) == ["it says what a comparison takes, and compared nothing"]

    def test_a_set_that_moves_nothing_has_none(self, move: Move) -> None:
        quiet = draft(move.actor, "CHG-2", wishes=[Wish(move.mapping().pk, None, {"enabled": False})])

        with pytest.raises(ServiceError, match="there is nothing to compare"):
            verify_set(move.actor, change_set_id=quiet.pk)

    def test_nor_has_one_that_was_decided_on(self, move: Move, change_set: ChangeSet) -> None:
        apply(move.actor, change_set_id=change_set.pk, checksum=change_set.checksum)

        with pytest.raises(Conflict):
            verify_set(move.actor, change_set_id=change_set.pk)

    def test_nobody_else_finds_the_set_or_its_report(self, move: Move, change_set: ChangeSet, outsider: Person) -> None:
        made(move, change_set)

        assert report_of(outsider.actor, change_set) is None
        with pytest.raises(NotFound):
            verify_set(outsider.actor, change_set_id=change_set.pk)


class TestDoors:
    def test_the_command(self, move: Move, change_set: ChangeSet) -> None:
        show = ("changes", "show", str(change_set.pk))
        assert f"Not verified. To do so: facade changes verify {change_set.pk}" in facade(*show).out
        move.new.remove_manifest(APP, "2.0")

        found = facade("changes", "verify", str(change_set.pk))

        assert found.status == 3
        assert "missing-tag" in found.out
        row = Verification.objects.get()
        assert f"Report {row.pk}: compared 3 of 3 references; 1 difference (missing-tag 1)" in facade(*show).out
        assert facade(*show, "--json").json["report"]["id"] == row.pk
        move.old.copy_to(move.new)
        assert facade("changes", "verify", str(change_set.pk)).status == 0
        assert facade("changes", "redraft", str(change_set.pk)).status == 0
        assert "Take care with that report: it is older than the draft" in facade(*show).out

    def test_the_api(self, move: Move, change_set: ChangeSet, table: Callable[[], Table]) -> None:
        table()
        user = get_user_model().objects.create_superuser("olga")
        api = ApiClient(create_api_token(Actor.person(user), user=user, name="tests").secret)
        assert api.get(f"changes/{change_set.pk}").json()["report"] is None

        begun = api.send("post", f"changes/{change_set.pk}/verify")
        assert begun.status_code == 201, begun.content
        make_report(begun.json()["id"])

        report = api.get(f"changes/{change_set.pk}").json()["report"]
        assert (report["id"], report["is_clean"], report["misfits"]) == (begun.json()["id"], True, [])
        listed = api.get("verifications", change_set=change_set.pk).json()["items"]
        assert [(each["id"], each["change_set"]) for each in listed] == [(report["id"], change_set.pk)]
        assert api.get("verifications", change_set=change_set.pk + 1).json()["items"] == []

    def test_the_page(self, move: Move, change_set: ChangeSet) -> None:
        admin = AdminClient(get_user_model().objects.create_superuser("olga"))
        assert "Not verified" in text_of(admin.get("changeset_change", change_set.pk))

        address = admin.url("changeset_change", change_set.pk)
        begun = admin.client.post(address, {"deed": "verify"}, follow=True)
        assert "It is being verified" in text_of(begun)
        row = make_report(Verification.objects.get().pk)

        page = admin.get("changeset_change", change_set.pk)
        assert f"Report {row.pk} : compared 3 of 3 references; 0 differences." in text_of(page)
        report = admin.url("mapping_report", change_set.mapping_ids[0], row.pk)
        assert report in page.content.decode()
        assert f"change set {change_set.pk}" in text_of(admin.client.get(report))
        redraft(move.actor, change_set_id=change_set.pk)
        assert "it is older than the draft" in text_of(admin.get("changeset_change", change_set.pk))


def misfits(move: Move, change_set: ChangeSet) -> list[str]:
    found = report_of(move.actor, change_set)
    assert found is not None
    return found.misfits

"""“Verify first” on a mapping's page: the form, the report while it is made and afterwards, its files, and the tick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Mapping, Verification
from routing.services.base.actor import Actor
from tests.admin.conftest import AdminClient, text_of
from tests.jobs_done import do_jobs
from tests.verification.moves import APP, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


@pytest.fixture
def admin(db: None) -> AdminClient:
    return AdminClient(get_user_model().objects.create_superuser("olga"))


def started(admin: AdminClient, move: Move) -> tuple[Mapping, Verification]:
    mapping = move.mapping()
    form = {"target": f"{move.new.url}/{APP}", "add": "nope\n1.0", "blobs": "all"}
    answer = admin.client.post(admin.url("mapping_verify", mapping.pk), form)
    row = Verification.objects.get()
    assert answer["Location"] == admin.url("mapping_report", mapping.pk, row.pk)
    return mapping, row


def test_a_mapping_leads_to_the_form_which_starts_a_report(admin: AdminClient, move: Move) -> None:
    mapping, row = started(admin, move)

    assert "Verify first: compare with another registry…" in text_of(admin.get("mapping_change", mapping.pk))
    assert (row.options["add"], row.options["blobs"]) == (["nope", "1.0"], "all")
    assert "Listing what there is to compare." in text_of(admin.get("mapping_report", mapping.pk, row.pk))
    assert f"Verification {row.pk}" in text_of(admin.get("mapping_verify", mapping.pk))


def test_the_report_shows_what_was_found_by_kind(admin: AdminClient, move: Move) -> None:
    move.new.remove_manifest(APP, "2.0")
    mapping, row = started(admin, move)
    do_jobs()

    page = text_of(admin.get("mapping_report", mapping.pk, row.pk))
    one_kind = admin.client.get(admin.url("mapping_report", mapping.pk, row.pk), {"kind": "no-such-tag"})

    assert "Compared 4 of 4 references; 2 differences (missing-tag 1, no-such-tag 1)." in page
    assert "missing-tag (1)" in page
    assert [each.reference for each in one_kind.context["page"].object_list] == ["nope"]


def test_its_script_asks_how_far_it_is(admin: AdminClient, move: Move) -> None:
    mapping, row = started(admin, move)
    url = admin.url("mapping_report", mapping.pk, row.pk)

    before = admin.client.post(url, {"deed": "stop"}, headers={"accept": "application/json"}).json()["html"]
    do_jobs()
    after = admin.client.post(url, headers={"accept": "application/json"}).json()

    assert "data-settled" not in before
    # What was found is to be shown, and nothing is to be stopped any more: that is another page.
    assert after == {"go": url}
    row.refresh_from_db()
    assert not row.stop_requested


def test_it_can_be_stopped(admin: AdminClient, move: Move) -> None:
    mapping, row = started(admin, move)

    admin.client.post(admin.url("mapping_report", mapping.pk, row.pk), {"deed": "stop"})
    do_jobs()

    assert "stopped: compared 0 of 0 references" in text_of(admin.get("mapping_report", mapping.pk, row.pk)).lower()


@pytest.mark.parametrize(
    ("given", "name", "begins"),
    [
        ("csv", "verification-{}.csv", "kind,source,"),
        ("skopeo", "copy-{}.sh", "#!/bin/sh"),
        ("regsync", "copy-{}.yml", "# Made by"),
    ],
)
def test_it_can_be_had_as_a_file(admin: AdminClient, move: Move, given: str, name: str, begins: str) -> None:
    mapping, row = started(admin, move)
    do_jobs()

    answer = admin.client.get(admin.url("mapping_report", mapping.pk, row.pk), {"format": given})

    assert answer["Content-Disposition"] == f'attachment; filename="{name.format(row.pk)}"'
    assert answer.getvalue().decode().startswith(begins)


def test_what_is_refused_stands_at_its_field(admin: AdminClient, move: Move) -> None:
    url = admin.url("mapping_verify", move.mapping().pk)

    answer = admin.client.post(url, {"target": "http://169.254.169.254/x", "add": "", "blobs": "sample"})
    other = admin.client.post(url, {"target": "ghcr.io/acme", "add": "not:a:tag", "blobs": "sample"})

    assert "target" in answer.context["form"].errors
    assert "add" in other.context["form"].errors
    assert not Verification.objects.exists()


def test_a_report_of_another_mapping_is_not_there(admin: AdminClient, move: Move) -> None:
    _, row = started(admin, move)
    other = move.mapping("other")

    assert admin.client.get(admin.url("mapping_report", other.pk, row.pk)).status_code == 404


class TestRepointing:
    @pytest.fixture(autouse=True)
    def _verifies(self, settings: Settings) -> None:
        settings.FACADE_VERIFY_ON_REPOINT = True

    def send(self, admin: AdminClient, move: Move, **more: str) -> str:
        mapping = Mapping.objects.first() or move.mapping()
        form = {"target": f"{move.new.url}/{APP}", "reason": "moved", "enabled": "on", "delivery": "auto", **more}
        return text_of(admin.client.post(admin.url("mapping_change", mapping.pk), form, follow=True))

    def test_where_nothing_differs_it_is_repointed(self, admin: AdminClient, move: Move) -> None:
        assert "Verified: nothing differs in 3 references" in self.send(admin, move)

        assert Mapping.objects.get().registry.origin == move.new.url

    def test_where_something_differs_it_takes_a_tick_that_the_history_keeps(
        self, admin: AdminClient, move: Move
    ) -> None:
        move.new.remove_manifest(APP, "2.0")

        page = self.send(admin, move)

        assert "1 differences at" in page
        assert "tick “Repoint all the same”" in page
        assert Mapping.objects.get().registry.origin == move.old.url
        self.send(admin, move, skip_verification="on")
        assert Mapping.objects.get().registry.origin == move.new.url
        assert Mapping.history.latest("history_id").history_change_reason == "not verified: moved"

    def test_other_options_are_saved_without_a_look(self, admin: AdminClient, move: Move) -> None:
        mapping = move.mapping()

        self.send(admin, move, target=mapping.target, private="on")

        assert Mapping.objects.get().private
        assert not Verification.objects.exists()

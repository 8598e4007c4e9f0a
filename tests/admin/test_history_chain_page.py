"""The page that verifies the history: what it says, in parts, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from routing.admin import history_chain
from routing.models import HistoryLink, Mapping
from routing.services.base.actor import Actor
from routing.services.base.history_check import check_history
from routing.services.base.history_strays import begin_anew
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import AdminClient, text_of
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _some(owner: Person) -> None:
    for prefix in "abc":
        add_mapping(owner.actor, "moving in", hostname=HOST, prefix=prefix, target=f"ghcr.io/{prefix}")
    begin_anew()


@pytest.fixture
def admin(db: None) -> AdminClient:
    return AdminClient(get_user_model().objects.create_superuser("olga"))


def page(admin: AdminClient, **query: Any) -> str:
    return text_of(admin.client.get("/admin/history/chain/", query))


def test_it_says_that_all_is_as_it_was_written_and_what_to_note(admin: AdminClient) -> None:
    head = check_history(Actor.command_line()).head

    said = page(admin)

    assert "The history is as it was written." in said
    assert head in said
    assert "The history is as it was written." in page(admin, head=head)


def test_it_names_what_was_changed(admin: AdminClient) -> None:
    entry = Mapping.history.get(prefix="b")
    Mapping.history.filter(pk=entry.pk).update(upstream_prefix="elsewhere")

    said = page(admin)

    assert "The history is not as it was written." in said
    assert f"entry {entry.pk} of a mapping: it is not as it was written" in said


def test_a_long_one_goes_part_by_part(admin: AdminClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_chain, "_VERIFIED", 2)
    first = admin.client.get("/admin/history/chain/")

    assert "So far the history is as it was written." in text_of(first)
    assert 'href="?after=2"' in first.content.decode()
    last = HistoryLink.objects.latest("place").place
    assert "The history is as it was written." in page(admin, after=last - 1)


def test_what_is_no_head_and_no_place_is_said(admin: AdminClient) -> None:
    assert "This is no head of the chain" in page(admin, head="nonsense")
    assert "no place 99999" in page(admin, after=99999)
    assert "The history is as it was written." in page(admin, after="x")


def test_the_page_of_the_history_leads_there_whom_it_lets_in(admin: AdminClient, owner: Person) -> None:
    link = 'href="/admin/history/chain/"'

    assert link in admin.client.get("/admin/history/").content.decode()
    assert link not in AdminClient(owner.user).client.get("/admin/history/").content.decode()
    assert AdminClient(owner.user).client.get("/admin/history/chain/").status_code == 403

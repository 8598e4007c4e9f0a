"""Notes on the pages: the newest beside the history, and a page of its own to write, read and remove them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import Mapping, Note, Registry, Tenant
from routing.services.people.notes import NO_SECRETS, add_note
from tests.admin.conftest import SET_UP, AdminClient, add, messages_of, text_of

Member = Callable[[Tenant, str], AdminClient]


def write(client: AdminClient, row: Any, text: str) -> Any:
    return client.client.post(client.url(f"{row._meta.model_name}_notes", row.pk), {"text": text})


def test_a_note_is_written_read_and_removed_on_the_page_of_each_kind(admin: AdminClient, mapping: Mapping) -> None:
    for row in (mapping, mapping.hostname, mapping.registry, mapping.hostname.tenant):
        noun = row._meta.model_name
        page = text_of(admin.get(f"{noun}_notes", row.pk))
        assert "Nobody has written anything down" in page
        assert NO_SECRETS in page

        assert messages_of(write(admin, row, "moves in March")) == "Wrote the note."
        assert "moves in March" in text_of(admin.get(f"{noun}_notes", row.pk))
        beside = text_of(admin.get(f"{noun}_change", row.pk))
        assert "moves in March" in beside
        assert "Notes: write one" in beside

        url = admin.url(f"{noun}_notes", row.pk)
        answer = admin.client.post(url, {"remove": Note.objects.get().pk})
        assert messages_of(answer) == "Removed the note."
        assert not Note.objects.exists()


def test_what_is_written_is_text_and_addresses_in_it_lead_there_unfollowed(
    admin: AdminClient, mapping: Mapping
) -> None:
    write(
        admin, mapping, '<script>alert(1)</script> "><img src=x onerror=alert(1)>\nsee https://acme.com/CHG-7?a=1&b=2'
    )
    write(admin, mapping, "javascript:alert(1) https://acme.com/\"onmouseover='alert(1)'")

    for page in (admin.get("mapping_notes", mapping.pk), admin.get("mapping_change", mapping.pk)):
        html = page.content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert 'href="javascript' not in html
        assert "onmouseover='" not in html
        assert '<a href="https://acme.com/CHG-7?a=1&amp;b=2" rel="nofollow">' in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_what_is_refused_comes_back_as_it_was_typed(admin: AdminClient, mapping: Mapping) -> None:
    answer = write(admin, mapping, "x" * 2001)

    assert "2,000 characters at most" in text_of(answer)
    assert "x" * 2001 in answer.content.decode()
    assert not Note.objects.exists()


def test_the_row_s_page_has_the_newest_and_a_link_to_all(admin: AdminClient, mapping: Mapping) -> None:
    for number in range(5):
        add_note(SET_UP, noun="mapping", pk=mapping.pk, text=f"note-{number}")

    page = text_of(admin.get("mapping_change", mapping.pk))

    assert [f"note-{number}" in page for number in range(5)] == [False, False, True, True, True]
    assert "All notes: write one" in page


def test_there_are_pages_of_them(admin: AdminClient, mapping: Mapping) -> None:
    for number in range(25):
        add_note(SET_UP, noun="mapping", pk=mapping.pk, text=f"note-{number}")

    first, second = (text_of(admin.get("mapping_notes", mapping.pk, p=page)) for page in (1, 2))

    assert "note-24" in first
    assert "note-4 " not in first
    assert "note-4 " in second


def test_viewers_read_and_are_offered_nothing_else(member: Member, mapping: Mapping) -> None:
    note = add_note(SET_UP, noun="mapping", pk=mapping.pk, text="moves in March")
    viewer = member(mapping.hostname.tenant, "viewer")

    page = viewer.get("mapping_notes", mapping.pk).content.decode()

    assert "moves in March" in page
    assert "<textarea" not in page
    assert 'name="remove"' not in page
    assert write(viewer, mapping, "mine").status_code == 403
    assert "Only its author" in text_of(
        viewer.client.post(viewer.url("mapping_notes", mapping.pk), {"remove": note.pk})
    )
    assert [each.text for each in Note.objects.all()] == ["moves in March"]


def test_another_tenant_s_people_find_none_of_them(member: Member, mapping: Mapping) -> None:
    note = add_note(SET_UP, noun="mapping", pk=mapping.pk, text="moves in March")
    other = add("docker.globex.com", "app", "ghcr.io/globex", tenant="globex")
    stranger = member(other.hostname.tenant, "owner")

    assert stranger.get("mapping_notes", mapping.pk).status_code == 404
    assert write(stranger, mapping, "mine").status_code == 404
    # By their own row's page.
    answer = stranger.client.post(stranger.url("mapping_notes", other.pk), {"remove": note.pk})
    assert "there is no such note" in text_of(answer).lower()
    assert [each.text for each in Note.objects.all()] == ["moves in March"]


def test_what_the_platform_notes_about_a_shared_registry_is_told_to_nobody_else(
    admin: AdminClient, member: Member, mapping: Mapping
) -> None:
    shared = Registry.objects.filter(tenant=None)[0]
    write(admin, shared, "the contract ends")
    owner = member(mapping.hostname.tenant, "owner")

    assert "the contract ends" in text_of(admin.get("registry_change", shared.pk))
    page = text_of(owner.get("registry_change", shared.pk))
    assert "the contract ends" not in page
    assert "Notes" not in page
    assert owner.get("registry_notes", shared.pk).status_code == 403


@pytest.mark.parametrize("sent", [{}, {"remove": "x"}, {"remove": "9" * 30}, {"text": "\0"}])
def test_what_nobody_would_send_changes_nothing(admin: AdminClient, mapping: Mapping, sent: dict[str, str]) -> None:
    answer = admin.client.post(admin.url("mapping_notes", mapping.pk), sent)

    assert answer.status_code in (200, 400)
    assert not Note.objects.exists()


def test_more_notes_ask_no_more(admin: AdminClient, mapping: Mapping) -> None:
    def asked(view: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            admin.get(view, mapping.pk)
        return len(queries)

    views = ("mapping_notes", "mapping_change")
    write(admin, mapping, "first")
    few = [asked(view) for view in views] and [asked(view) for view in views]
    for number in range(6):
        add_note(SET_UP, noun="mapping", pk=mapping.pk, text=f"note-{number}")

    assert [asked(view) for view in views] == few

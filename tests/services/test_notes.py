"""Notes about rows: who writes, reads and removes them, how many there may be, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from routing.models import Generation, Hostname, Mapping, Membership, Note, Registry, Role
from routing.models.note import MAX_NOTE_LENGTH
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.leaving.exports import export_person, export_tenant
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.leaving.person_removal import remove_person
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.mappings.mappings import add_mapping, remove_mappings
from routing.services.people import notes
from routing.services.people.notes import add_note, get_notes, remove_note
from routing.services.registries.registries import add_registry, update_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping(owner: Person) -> Mapping:
    return add_mapping(owner.actor, "", hostname="docker.acme.com", prefix="app", target="ghcr.io/acme").mapping


def about(actor: Actor, row: Any, text: str = "moves in March") -> Note:
    return add_note(actor, noun=row._meta.model_name, pk=row.pk, text=text)


def texts(actor: Actor, row: Any) -> list[str]:
    return [note.text for note in get_notes(actor, noun=row._meta.model_name, pk=row.pk)]


def demoted(person: Person) -> Person:
    """Who may only look from now on."""
    Membership.objects.filter(user=person.user).update(role=Role.VIEWER)
    return person


def test_notes_are_kept_about_each_kind_of_row_newest_first(owner: Person, mapping: Mapping) -> None:
    before = Generation.objects.get().value
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.com")
    for row in (mapping, owner.hostname, registry, owner.tenant):
        about(owner.actor, row, "first")
        note = about(owner.actor, row, "second")

        assert texts(owner.actor, row) == ["second", "first"]
        assert (note.written_by, note.author_id) == ("alice", owner.user.pk)
    # But for the registry's.
    assert Generation.objects.get().value == before + 1


def test_whoever_may_change_a_row_writes_and_whoever_may_look_reads(
    owner: Person, teammate: Person, outsider: Person, mapping: Mapping
) -> None:
    about(teammate.actor, mapping)
    with pytest.raises(PermissionDenied):
        about(teammate.actor, owner.hostname)
    about(owner.actor, owner.hostname, "of the hostname")
    demoted(teammate)

    assert texts(teammate.actor, mapping) == ["moves in March"]
    assert texts(teammate.actor, owner.hostname) == ["of the hostname"]
    with pytest.raises(PermissionDenied):
        about(teammate.actor, mapping)
    for act in (lambda: texts(outsider.actor, mapping), lambda: about(outsider.actor, mapping)):
        with pytest.raises(NotFound):
            act()


def test_notes_about_shared_registries_are_the_platforms(owner: Person, platform: Actor) -> None:
    shared = Registry.objects.filter(tenant=None)[0]
    note = about(platform, shared, "the contract ends")

    for act in (
        lambda: texts(owner.actor, shared),
        lambda: about(owner.actor, shared),
    ):
        with pytest.raises(PermissionDenied):
            act()
    with pytest.raises(NotFound, match="there is no such note, or it isn't yours"):
        remove_note(owner.actor, note_id=note.pk)
    assert texts(platform, shared) == ["the contract ends"]


def test_the_author_removes_a_note_and_so_does_an_owner(
    owner: Person, teammate: Person, outsider: Person, mapping: Mapping
) -> None:
    own, owners, third = about(teammate.actor, mapping), about(owner.actor, mapping), about(teammate.actor, mapping)
    with pytest.raises(PermissionDenied, match="only its author, or an owner"):
        remove_note(teammate.actor, note_id=owners.pk)
    for pk in (own.pk, 4711):
        with pytest.raises(NotFound, match="there is no such note, or it isn't yours"):
            remove_note(outsider.actor, note_id=pk)

    demoted(teammate)
    remove_note(teammate.actor, note_id=own.pk)
    remove_note(owner.actor, note_id=third.pk)

    assert list(Note.objects.all()) == [owners]


def test_a_row_has_so_many_notes_at_most(owner: Person, mapping: Mapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTES", 2)
    about(owner.actor, mapping)
    about(owner.actor, mapping)

    with pytest.raises(ServiceError, match=r"there are 2 notes about .* already: remove some first"):
        about(owner.actor, mapping)
    # Another row's are counted for themselves.
    about(owner.actor, owner.hostname)


@pytest.mark.parametrize("text", ["", "  \n\t ", "\0", "x" * (MAX_NOTE_LENGTH + 1), "x" * 10_000_000])
def test_nothing_and_too_much_is_refused_at_the_field(owner: Person, mapping: Mapping, text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        about(owner.actor, mapping, text)

    assert list(refused.value.fields) == ["text"]


def test_lines_stay_and_control_characters_go(owner: Person, mapping: Mapping) -> None:
    about(owner.actor, mapping, " one\x1b[31m red\r\n\r\ntwo\u202e \n")

    assert texts(owner.actor, mapping) == ["one red\n\ntwo"]


@with_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
def test_any_text_is_kept_as_lines_that_can_be_shown_or_refused(owner: Person, mapping: Mapping, text: str) -> None:
    with transaction.atomic():
        try:
            kept = about(owner.actor, mapping, text)
        except ServiceError:
            return
        found = Note.objects.get(pk=kept.pk).text
        assert found == kept.text == found.strip()
        assert found.replace("\n", "").isprintable()
        transaction.set_rollback(True)


def test_the_database_keeps_a_note_about_one_row_alone(owner: Person, mapping: Mapping) -> None:
    for facts in ({}, {"mapping": mapping, "hostname": owner.hostname}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Note.objects.create(text="x", written_by="x", **facts)


def test_notes_go_with_their_row(owner: Person, mapping: Mapping) -> None:
    about(owner.actor, mapping)
    about(owner.actor, owner.hostname, "stays")

    remove_mappings(owner.actor, "", mapping_ids=[mapping.pk])

    assert [note.text for note in Note.objects.all()] == ["stays"]


def test_whoever_gets_a_hostname_or_a_registry_reads_none_of_them(
    owner: Person, outsider: Person, platform: Actor, mapping: Mapping
) -> None:
    own = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.com")
    update_registry(owner.actor, "", registry_id=own.pk, labels="ours")
    for row in (mapping, owner.hostname, own, owner.tenant):
        about(owner.actor, row)

    hand_over_hostname(platform, "", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk, copy_registries=True)
    update_registry(platform, "", registry_id=own.pk, tenant_id=outsider.tenant.pk)

    assert [note.tenant for note in Note.objects.all()] == [owner.tenant]
    assert Registry.objects.get(pk=own.pk).labels == ""


def test_an_export_of_a_tenant_has_them_and_its_removal_takes_them(
    owner: Person, outsider: Person, platform: Actor, mapping: Mapping
) -> None:
    own = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.com")
    for row in (mapping, owner.hostname, own, owner.tenant):
        about(owner.actor, row, f"about a {row._meta.model_name}")
    about(outsider.actor, outsider.hostname, "another's")

    told = json.loads("".join(export_tenant(owner.actor, tenant_id=owner.tenant.pk)))["notes"]
    remove_tenant(platform, "", tenant_id=owner.tenant.pk, everything=True)

    assert [note["text"] for note in told] == [
        *("about a mapping", "about a hostname", "about a registry", "about a tenant")
    ]
    assert (told[0]["mapping_hostname"], told[0]["mapping_prefix"]) == ("docker.acme.com", "app")
    assert (told[1]["hostname"], told[2]["registry"], told[3]["written_by"]) == (
        *("docker.acme.com", "https://r.acme.com", "alice"),
    )
    assert [note.text for note in Note.objects.all()] == ["another's"]


def test_a_person_who_leaves_is_told_what_they_wrote_and_their_name_goes(
    owner: Person, teammate: Person, platform: Actor, mapping: Mapping
) -> None:
    about(teammate.actor, mapping, "by Bob")
    about(owner.actor, mapping, "by Alice")

    told = json.loads("".join(export_person(teammate.actor, user_id=teammate.user.pk)))
    remove_person(platform, "r", user_id=teammate.user.pk, erase=True)

    assert [note["text"] for note in told["notes_written"]] == ["by Bob"]
    names = {note.text: note.written_by for note in Note.objects.all()}
    assert names["by Alice"] == "alice"
    assert "bob" not in names["by Bob"]
    assert names["by Bob"].startswith("removed person")
    assert Hostname.objects.filter(pk=owner.hostname.pk).exists()

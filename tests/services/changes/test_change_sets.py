"""Change sets: what is applied is what was reviewed, all of it at once, and it can be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.core.table.routing_table import Table
from routing.models import Change, ChangeSet, Confirmation, Generation, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.changes.applying import apply, roll_back, undo
from routing.services.changes.basis import Stale
from routing.services.changes.diff import Step, diff
from routing.services.changes.drafts import discard, draft, get_change_set, get_differences, redraft
from routing.services.changes.imports import wishes_of_csv
from routing.services.changes.wishes import Wish, wishes_to_repoint
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.former import former_target
from routing.services.mappings.mappings import remove_mappings, repoint, switch_mappings, update_mapping
from routing.services.registries.registries import remove_registry, update_registry
from tests.conftest import Person
from tests.services.changes.conftest import Drafting, add_at

pytestmark = pytest.mark.django_db


def targets() -> dict[str, str]:
    return {row.source: row.target for row in Mapping.objects.with_names()}


def put_in_force(actor: Actor, change_set: ChangeSet) -> ChangeSet:
    return apply(actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def test_a_draft_changes_no_mapping_and_says_what_it_would(mappings: list[Mapping], drafted: Drafting) -> None:
    before, generation = targets(), Generation.objects.get().value

    change_set = drafted()

    assert targets() == before
    assert (change_set.state, change_set.size, change_set.tenant) == ("draft", 3, mappings[0].hostname.tenant)
    assert [(line.source, line.steps) for line in diff(change_set)] == [
        ("docker.acme.com/app", [Step("target", "docker.io/acme/app", "ghcr.io/acme-inc/app")]),
        ("docker.acme.com/web", [Step("target", "docker.io/acme/web", "ghcr.io/acme-inc/web")]),
        ("docker.acme.com/web/api", [Step("target", "docker.io/acme/web/api", "ghcr.io/acme-inc/web/api")]),
    ]
    assert not Change.objects.filter(generation__gt=generation, kind="mapping").exists()


def test_what_is_applied_is_one_step_for_workers(
    owner: Person, mappings: list[Mapping], drafted: Drafting, table: Callable[[], Table]
) -> None:
    change_set = drafted()
    table()

    applied = put_in_force(owner.actor, change_set)

    assert targets() == {
        "docker.acme.com/app": "ghcr.io/acme-inc/app",
        "docker.acme.com/web": "ghcr.io/acme-inc/web",
        "docker.acme.com/web/api": "ghcr.io/acme-inc/web/api",
    }
    assert (applied.state, applied.applied_by) == ("applied", "alice")
    assert applied.generation == Generation.objects.get().value == table().generation


def test_the_history_of_each_mapping_names_the_change_set_its_message_and_who(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = put_in_force(owner.actor, drafted())

    for mapping in mappings:
        past = mapping.history.first()
        assert (past.change_set, past.history_change_reason, past.actor) == (
            change_set.pk,
            "CHG-1: to GitHub",
            "alice",
        )
        assert past.history_type == "~"
    assert mappings[0].history.last().change_set is None


def test_pulls_that_have_begun_can_finish_at_the_former_target(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    put_in_force(owner.actor, drafted())

    for mapping in Mapping.objects.with_names():
        now = former_target(mapping)
        assert now is not None
        assert now.target == f"docker.io/acme/{mapping.prefix}"


def test_the_platform_vouches_for_what_it_has_reviewed_and_a_tenant_cannot(
    owner: Person, platform: Actor, mappings: list[Mapping], drafted: Drafting
) -> None:
    put_in_force(owner.actor, drafted())
    assert not Confirmation.objects.exists()

    wishes = wishes_to_repoint(platform, source="ghcr.io/acme-inc", target="quay.io/acme")
    put_in_force(platform, draft(platform, "CHG-2", wishes=wishes))

    assert Confirmation.objects.get().generation == Generation.objects.get().value


def test_findings_about_the_former_target_go(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    Mapping.objects.filter(pk=mappings[0].pk).update(probed_repository="acme/app", public="yes")

    put_in_force(owner.actor, drafted())

    mapping = Mapping.objects.get(pk=mappings[0].pk)
    assert (mapping.probed_repository, mapping.public) == ("", "unknown")


def test_a_set_is_applied_but_once(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = put_in_force(owner.actor, drafted())

    with pytest.raises(Conflict) as refusal:
        put_in_force(owner.actor, change_set)

    assert refusal.value.code is Code.CHANGE_SET_CLOSED


# ---------------------------------------------------------------- what was reviewed
def _repointed(owner: Person, mapping: Mapping) -> None:
    repoint(owner.actor, "r", hostname=mapping.hostname.name, prefix=mapping.prefix, target="quay.io/acme")


def _removed(owner: Person, mapping: Mapping) -> None:
    remove_mappings(owner.actor, "r", mapping_ids=[mapping.pk])


def _suspended(owner: Person, mapping: Mapping) -> None:
    suspend_hostnames(Actor("olga", is_operator=True), "r", hostname_ids=[mapping.hostname_id], suspended=True)


def _streaming(owner: Person, mapping: Mapping) -> None:
    shared = Registry.objects.get(origin="https://ghcr.io", tenant=None)
    update_registry(Actor("olga", is_operator=True), "r", registry_id=shared.pk, stream_blobs=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            _repointed,
            "the mapping docker.acme.com/web was changed: registry from docker.io to quay.io, ",
        ),
        (_removed, "the mapping docker.acme.com/web is gone"),
        (_suspended, "the hostname docker.acme.com was changed: suspended from no to yes"),
        (_streaming, "the registry ghcr.io was changed: streams layers from no to yes"),
    ],
)
def test_nothing_is_applied_where_something_it_depends_on_was_changed(
    owner: Person, mappings: list[Mapping], drafted: Drafting, change: Callable[..., None], said: str
) -> None:
    change_set = drafted()
    change(owner, mappings[1])
    before = targets()

    with pytest.raises(Stale) as refusal:
        put_in_force(owner.actor, change_set)

    assert len(refusal.value.differences) == 1
    assert refusal.value.differences[0].startswith(said)
    assert get_differences(owner.actor, change_set.pk) == refusal.value.differences
    assert targets() == before
    assert get_change_set(owner.actor, change_set.pk).state == "draft"


def test_what_a_probe_found_meanwhile_is_no_difference(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()
    Mapping.objects.filter(pk=mappings[0].pk).update(version=9, probe_error="timed out")

    assert put_in_force(owner.actor, change_set).state == "applied"


def test_another_checksum_is_refused(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = drafted()
    redraft(owner.actor, change_set_id=change_set.pk, message="CHG-1: another message")

    with pytest.raises(Stale, match="the change set itself was changed"):
        put_in_force(owner.actor, change_set)


def test_redrafting_takes_what_is_there_now(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = drafted()
    _repointed(owner, mappings[1])

    again = redraft(owner.actor, change_set_id=change_set.pk)

    assert diff(again)[1].steps == [Step("target", "quay.io/acme", "ghcr.io/acme-inc/web")]
    put_in_force(owner.actor, again)
    assert targets()["docker.acme.com/web"] == "ghcr.io/acme-inc/web"


# ---------------------------------------------------------------- taking back
def test_undo_is_a_set_of_its_own_and_brings_all_back(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    before = targets()
    change_set = put_in_force(owner.actor, drafted())

    back = undo(owner.actor, "it broke", change_set_id=change_set.pk)

    assert targets() == before
    assert (back.state, back.undoes, back.message) == ("applied", change_set.pk, "it broke")
    assert get_change_set(owner.actor, change_set.pk).state == "undone"
    assert mappings[0].history.first().change_set == back.pk
    with pytest.raises(Conflict, match="undone"):
        undo(owner.actor, "once more", change_set_id=change_set.pk)


def test_an_undo_can_be_undone(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = put_in_force(owner.actor, drafted())
    back = undo(owner.actor, "it broke", change_set_id=change_set.pk)

    undo(owner.actor, "it didn't", change_set_id=back.pk)

    assert targets()["docker.acme.com/app"] == "ghcr.io/acme-inc/app"


def test_undo_is_refused_where_a_mapping_was_changed_since(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = put_in_force(owner.actor, drafted())
    _repointed(owner, mappings[1])
    before = targets()

    with pytest.raises(Stale) as refusal:
        undo(owner.actor, "it broke", change_set_id=change_set.pk)

    assert refusal.value.differences == ["the mapping docker.acme.com/web was changed since"]
    assert targets() == before


def test_undo_is_refused_where_the_former_registry_is_gone(owner: Person) -> None:
    add_at(owner.actor, owner.hostname.name, "app")
    repoint(owner.actor, "r", hostname=owner.hostname.name, prefix="app", target="registry.acme.com/app")
    wishes = wishes_to_repoint(owner.actor, source="registry.acme.com", target="ghcr.io/acme")
    change_set = put_in_force(owner.actor, draft(owner.actor, "r", wishes=wishes))
    own = Registry.objects.get(origin="https://registry.acme.com")
    remove_registry(owner.actor, "r", registry_id=own.pk)

    with pytest.raises(Stale, match=r"the registry registry\.acme\.com is gone"):
        undo(owner.actor, "it broke", change_set_id=change_set.pk)


def test_a_mapping_is_rolled_back_to_an_entry_of_its_history(owner: Person, mappings: list[Mapping]) -> None:
    first = mappings[0].history.first().history_id
    switch_mappings(owner.actor, "r", mapping_ids=[mappings[0].pk], enabled=False)
    _repointed(owner, mappings[0])

    change_set = roll_back(owner.actor, "as it was", mapping_id=mappings[0].pk, to=first)

    mapping = Mapping.objects.with_names().get(pk=mappings[0].pk)
    assert (mapping.target, mapping.enabled) == ("docker.io/acme/app", True)
    assert mapping.history.first().change_set == change_set.pk


def test_nobody_rolls_back_to_another_mappings_entry(owner: Person, mappings: list[Mapping]) -> None:
    others = mappings[1].history.first().history_id

    with pytest.raises(NotFound):
        roll_back(owner.actor, "r", mapping_id=mappings[0].pk, to=others)


def test_a_discarded_set_is_not_applied(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = discard(owner.actor, change_set_id=drafted().pk)

    assert change_set.state == "discarded"
    with pytest.raises(Conflict):
        put_in_force(owner.actor, change_set)


def test_a_dry_run_applies_nothing(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set, before = drafted(), targets()

    with dry_run():
        assert put_in_force(owner.actor, change_set).state == "applied"

    assert targets() == before
    assert get_change_set(owner.actor, change_set.pk).state == "draft"


# ---------------------------------------------------------------- what is wanted
def test_a_draft_that_changes_nothing_is_refused(owner: Person, mappings: list[Mapping]) -> None:
    with pytest.raises(ServiceError, match="nothing to change"):
        draft(owner.actor, "r", wishes=[Wish(mappings[0].pk)])


def test_a_draft_takes_a_message(owner: Person, mappings: list[Mapping]) -> None:
    with pytest.raises(ServiceError) as refusal:
        draft(owner.actor, " ", wishes=[Wish(mappings[0].pk, options={"enabled": False})])

    assert refusal.value.code is Code.REASON_REQUIRED


def test_what_no_verb_would_take_is_no_draft_and_all_of_it_is_told(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    with pytest.raises(ServiceError) as refusal:
        draft(
            owner.actor,
            "r",
            wishes=wishes_to_repoint(owner.actor, source="docker.io/acme", target="http://plain.example.com"),
        )

    assert len(refusal.value.errors) == 3
    assert "docker.acme.com/web/api: http://plain.example.com is not encrypted" in refusal.value.message


def test_a_place_at_the_registry_is_whole_components(owner: Person, mappings: list[Mapping]) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[2].pk, target="docker.io/acmeother/api")

    wishes = wishes_to_repoint(owner.actor, source="docker.io/acme", target="ghcr.io/new")

    assert [wish.target.upstream_prefix for wish in wishes if wish.target] == ["new/app", "new/web"]


def test_a_table_says_what_each_mapping_shall_be(owner: Person, mappings: list[Mapping]) -> None:
    text = (
        "hostname,prefix,target,enabled,delivery\n"
        "docker.acme.com,app,ghcr.io/acme/app,,\n"
        "docker.acme.com,web,,no,redirect-only\n"
    )

    put_in_force(owner.actor, draft(owner.actor, "r", wishes=wishes_of_csv(owner.actor, text)))

    app, web = (Mapping.objects.with_names().get(prefix=prefix) for prefix in ("app", "web"))
    assert (app.target, app.enabled) == ("ghcr.io/acme/app", True)
    assert (web.target, web.enabled, web.delivery) == ("docker.io/acme/web", False, "redirect-only")


def test_a_table_is_told_all_its_wrong_lines(owner: Person, mappings: list[Mapping]) -> None:
    text = "hostname,prefix,enabled\ndocker.acme.com,app,maybe\ndocker.acme.com,nosuch,no\ndocker.acme.com,web\n"

    with pytest.raises(ServiceError) as refusal:
        wishes_of_csv(owner.actor, text)

    assert [error.message for error in refusal.value.errors] == [
        "line 2: enabled is yes or no, not “maybe”",
        "line 3: there is no such mapping: to add it, give a target",
        "line 4: it has another number of fields (2) than the line of headings (3)",
    ]


# ---------------------------------------------------------------- whose
def test_another_tenants_mappings_are_not_there(owner: Person, outsider: Person, mappings: list[Mapping]) -> None:
    with pytest.raises(NotFound):
        draft(outsider.actor, "r", wishes=[Wish(mappings[0].pk, options={"enabled": False})])
    with pytest.raises(NotFound):
        wishes_to_repoint(outsider.actor, source="docker.io/acme", target="ghcr.io/acme")


def test_another_tenants_set_is_not_there(
    owner: Person, outsider: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()

    with pytest.raises(NotFound):
        put_in_force(outsider.actor, change_set)
    with pytest.raises(NotFound):
        get_differences(outsider.actor, change_set.pk)


def test_mappings_of_two_tenants_are_the_platforms(
    owner: Person, outsider: Person, platform: Actor, mappings: list[Mapping]
) -> None:
    other = add_at(outsider.actor, outsider.hostname.name, "app")
    wishes = [Wish(pk, options={"enabled": False}) for pk in (mappings[0].pk, other.pk)]
    change_set = draft(platform, "r", wishes=wishes)

    assert change_set.tenant is None
    with pytest.raises(NotFound):
        get_change_set(owner.actor, change_set.pk)


def test_a_member_of_two_tenants_drafts_for_one_at_a_time(
    owner: Person, outsider: Person, mappings: list[Mapping]
) -> None:
    outsider.tenant.memberships.create(user=owner.user, role="owner")
    other = add_at(outsider.actor, outsider.hostname.name, "app")
    wishes = [Wish(pk, options={"enabled": False}) for pk in (mappings[0].pk, other.pk)]

    with pytest.raises(PermissionDenied):
        draft(owner.actor, "r", wishes=wishes)

"""What has to be said in so many words, and what takes a second person."""

from __future__ import annotations

import pytest

from routing.models import ChangeSet, Mapping, Membership, Role
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.changes.applying import apply, roll_back, undo
from routing.services.changes.approval import approve, require_approval
from routing.services.changes.basis import Stale
from routing.services.changes.drafts import draft, get_change_set, redraft
from routing.services.changes.guards import NO_WORDS, Words
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import repoint, update_mapping
from tests.conftest import Person
from tests.services.changes.conftest import Drafting, add_at

pytestmark = pytest.mark.django_db


def put_in_force(actor: Actor, change_set: ChangeSet, words: Words = NO_WORDS) -> ChangeSet:
    return apply(actor, change_set_id=change_set.pk, checksum=change_set.checksum, words=words)


def disable(actor: Actor, mappings: list[Mapping]) -> ChangeSet:
    wishes = [Wish(mapping.pk, options={"enabled": False}) for mapping in mappings]
    return draft(actor, "CHG-2", wishes=wishes)


@pytest.mark.parametrize(("touched", "asked"), [(9, False), (10, False), (11, True)])
def test_more_than_a_third_takes_its_number(owner: Person, touched: int, asked: bool) -> None:
    every = [add_at(owner.actor, owner.hostname.name, f"app{number}") for number in range(30)]
    change_set = disable(owner.actor, every[:touched])

    if not asked:
        assert put_in_force(owner.actor, change_set).state == "applied"
        return
    for words in (NO_WORDS, Words(confirm=touched - 1), Words(confirm=30)):
        with pytest.raises(ServiceError) as refusal:
            put_in_force(owner.actor, change_set, words)
        assert refusal.value.code is Code.CONFIRMATION_REQUIRED
        assert "confirm" in refusal.value.fields
    assert put_in_force(owner.actor, change_set, Words(confirm=touched)).state == "applied"


def test_a_few_mappings_take_no_number_however_few_there_are(owner: Person, mappings: list[Mapping]) -> None:
    assert put_in_force(owner.actor, disable(owner.actor, mappings)).state == "applied"


def test_two_tenants_take_the_number(owner: Person, outsider: Person, platform: Actor, mappings: list[Mapping]) -> None:
    change_set = disable(platform, [mappings[0], add_at(outsider.actor, outsider.hostname.name, "app")])

    with pytest.raises(ServiceError, match="mappings of 2 tenants"):
        put_in_force(platform, change_set)
    assert put_in_force(platform, change_set, Words(confirm=2)).state == "applied"


@pytest.mark.parametrize("option", ["private", "allow_push"])
def test_where_credentials_go_elsewhere_that_has_to_be_said(
    owner: Person, mappings: list[Mapping], drafted: Drafting, option: str
) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[1].pk, **{option: True})  # type: ignore[arg-type]
    change_set = drafted()

    with pytest.raises(ServiceError) as refusal:
        put_in_force(owner.actor, change_set)

    assert refusal.value.code is Code.CONFIRMATION_REQUIRED
    assert refusal.value.fields.keys() == {"credentials_move"}
    assert "credentials for docker.acme.com/web go to another registry" in refusal.value.message
    assert put_in_force(owner.actor, change_set, Words(credentials_move=True)).state == "applied"


def test_another_path_at_the_same_registry_moves_no_credentials(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[1].pk, private=True)

    assert put_in_force(owner.actor, drafted(target="docker.io/other")).state == "applied"


def test_an_undo_takes_no_number_but_says_where_credentials_go(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[1].pk, private=True)
    for number in range(10):
        add_at(owner.actor, owner.hostname.name, f"more{number}")
    change_set = put_in_force(owner.actor, drafted(), Words(13, credentials_move=True))

    with pytest.raises(ServiceError, match="credentials"):
        undo(owner.actor, "back", change_set_id=change_set.pk)
    assert undo(owner.actor, "back", change_set_id=change_set.pk, words=Words(credentials_move=True)).undoes


# ---------------------------------------------------------------- approval
@pytest.fixture
def careful(owner: Person) -> Person:
    """The owner, of a tenant that wants its change sets approved."""
    require_approval(owner.actor, "r", tenant_id=owner.tenant.pk, needed=True)
    return owner


def approved(actor: Actor, change_set: ChangeSet) -> ChangeSet:
    return approve(actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def test_a_set_that_takes_an_approval_is_not_applied_without(
    careful: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()

    with pytest.raises(ServiceError) as refusal:
        put_in_force(careful.actor, change_set)

    assert refusal.value.code is Code.APPROVAL_REQUIRED


def test_who_drafted_it_does_not_approve_it_by_a_token_either(
    careful: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()

    for actor in (careful.actor, Actor.token(careful.user, "ci", None, read_only=False)):
        with pytest.raises(PermissionDenied):
            approved(actor, change_set)


def test_once_another_has_approved_it_it_is_applied(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = approved(teammate.actor, drafted())

    assert (change_set.state, change_set.approved_by) == ("approved", "bob")
    assert put_in_force(careful.actor, change_set).state == "applied"


def test_an_approval_ends_when_the_set_changes(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = approved(teammate.actor, drafted())
    again = redraft(careful.actor, change_set_id=change_set.pk, message="CHG-1: another message")

    assert (again.state, again.approved_at) == ("draft", None)
    with pytest.raises(ServiceError, match="nobody has approved it"):
        put_in_force(careful.actor, again)


def test_who_redrafts_a_set_of_another_cannot_approve_it(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    again = redraft(teammate.actor, change_set_id=drafted().pk, message="mine now")

    with pytest.raises(PermissionDenied):
        approved(teammate.actor, again)
    assert approved(careful.actor, again).state == "approved"


def test_an_approval_is_worth_what_the_approver_may_now(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = approved(teammate.actor, drafted())
    Membership.objects.filter(user=teammate.user).update(role=Role.VIEWER)

    with pytest.raises(ServiceError, match="bob, who approved it, may not do that any more"):
        put_in_force(careful.actor, change_set)


def test_nobody_approves_what_is_not_so_any_more(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()
    repoint(careful.actor, "r", hostname="docker.acme.com", prefix="app", target="quay.io/acme")

    with pytest.raises(Stale):
        approved(teammate.actor, change_set)
    assert get_change_set(careful.actor, change_set.pk).state == "draft"


def test_an_approved_set_takes_no_number(careful: Person, teammate: Person) -> None:
    every = [add_at(careful.actor, careful.hostname.name, f"app{number}") for number in range(12)]

    change_set = approved(teammate.actor, disable(careful.actor, every))

    assert put_in_force(careful.actor, change_set).state == "applied"


def test_an_undo_takes_no_approval_and_to_undo_that_does_at_any_depth(
    careful: Person, teammate: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = put_in_force(careful.actor, approved(teammate.actor, drafted()))
    back = undo(careful.actor, "back", change_set_id=change_set.pk)

    with pytest.raises(ServiceError, match="draft a change set of the same") as refusal:
        undo(careful.actor, "forth", change_set_id=back.pk)
    assert refusal.value.code is Code.APPROVAL_REQUIRED

    allow_alone(careful, True)
    forth = undo(careful.actor, "forth", change_set_id=back.pk)
    allow_alone(careful, False)
    back = undo(careful.actor, "back", change_set_id=forth.pk)
    with pytest.raises(ServiceError, match="draft a change set of the same"):
        undo(careful.actor, "forth", change_set_id=back.pk)


def test_to_undo_a_roll_back_of_the_last_switch_takes_an_approval(owner: Person, mappings: list[Mapping]) -> None:
    first = mappings[0].history.get().history_id
    repoint(owner.actor, "r", hostname="docker.acme.com", prefix="app", target="quay.io/acme")
    back = roll_back(owner.actor, "back", mapping_id=mappings[0].pk, to=first)
    allow_alone(owner, False)

    with pytest.raises(ServiceError, match="draft a change set of the same"):
        undo(owner.actor, "forth", change_set_id=back.pk)


def test_a_roll_back_where_approval_is_needed_says_what_to_do(careful: Person, mappings: list[Mapping]) -> None:
    first = mappings[0].history.get().history_id
    repoint(careful.actor, "r", hostname="docker.acme.com", prefix="app", target="quay.io/acme")

    with pytest.raises(ServiceError, match=r"facade changes draft\), have somebody else approve it") as refusal:
        roll_back(careful.actor, "back", mapping_id=mappings[0].pk, to=first)

    assert refusal.value.code is Code.APPROVAL_REQUIRED
    assert not ChangeSet.objects.exists()


def allow_alone(person: Person, alone: bool) -> None:
    """Whether one person applies a set without another."""
    require_approval(Actor.command_line(), "r", tenant_id=person.tenant.pk, needed=not alone)


def test_operators_of_a_tenant_do_not_switch_its_approval(careful: Person, teammate: Person) -> None:
    with pytest.raises(PermissionDenied):
        require_approval(teammate.actor, "r", tenant_id=careful.tenant.pk, needed=False)

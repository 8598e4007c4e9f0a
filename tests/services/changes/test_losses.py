"""What a mapping loses by being led elsewhere is told before, and what it got since the draft is a difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.models import ChangeSet, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.changes.applying import apply, undo
from routing.services.changes.basis import Stale
from routing.services.changes.diff import Step, diff
from routing.services.changes.drafts import get_differences
from routing.services.mappings.publication import publish_mapping
from tests.conftest import Person
from tests.services.changes.conftest import Drafting

pytestmark = pytest.mark.django_db

STANDBY, ACCOUNT = "standby.example/app", "robot"


def with_a_standby(actor: Actor, mapping: Mapping) -> None:
    registry = Registry.objects.create(name="standby", origin="https://standby.example")
    Mapping.objects.filter(pk=mapping.pk).update(standby_registry=registry, standby_prefix="app")


def published(actor: Actor, mapping: Mapping) -> None:
    publish_mapping(actor, "everybody may pull it", mapping_id=mapping.pk, user=ACCOUNT, password="a secret of theirs")


GAINED = {"standby": with_a_standby, "account": published}
TOLD = {"standby": Step("standby", STANDBY, "none"), "account": Step("account", ACCOUNT, "none")}

Gain = Callable[[Actor, Mapping], None]


def put_in_force(actor: Actor, change_set: ChangeSet) -> ChangeSet:
    return apply(actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def steps_of(change_set: ChangeSet, mapping: Mapping) -> list[Step]:
    return next(line.steps for line in diff(change_set) if line.mapping_id == mapping.pk)


@pytest.mark.parametrize("what", GAINED)
def test_the_diff_tells_it(owner: Person, mappings: list[Mapping], drafted: Drafting, what: str) -> None:
    GAINED[what](owner.actor, mappings[0])

    change_set = drafted()

    assert TOLD[what] in steps_of(change_set, mappings[0])
    assert TOLD[what] not in steps_of(change_set, mappings[1])
    assert get_differences(owner.actor, change_set.pk) == []


@pytest.mark.parametrize("what", GAINED)
def test_what_came_after_the_draft_is_not_lost_unseen(
    owner: Person, mappings: list[Mapping], drafted: Drafting, what: str
) -> None:
    change_set = drafted()
    GAINED[what](owner.actor, mappings[0])

    with pytest.raises(Stale) as refused:
        put_in_force(owner.actor, change_set)

    (said,) = refused.value.differences
    assert f"{mappings[0].source} was changed: its {what} from none to" in said
    assert Mapping.objects.get(pk=mappings[0].pk).registry_id == mappings[0].registry_id


@pytest.mark.parametrize("what", GAINED)
def test_what_is_gone_by_then_is_a_difference_too(
    owner: Person, mappings: list[Mapping], drafted: Drafting, what: str
) -> None:
    GAINED[what](owner.actor, mappings[0])
    change_set = drafted()
    Mapping.objects.filter(pk=mappings[0].pk).update(standby_registry=None, account_user="", account_sealed="")

    assert any(f"its {what} from" in said for said in get_differences(owner.actor, change_set.pk))


@pytest.mark.parametrize("what", GAINED)
def test_an_undo_says_what_goes_with_it(owner: Person, mappings: list[Mapping], drafted: Drafting, what: str) -> None:
    change_set = put_in_force(owner.actor, drafted())
    GAINED[what](owner.actor, mappings[0])

    back = undo(owner.actor, "too early", change_set_id=change_set.pk)

    assert TOLD[what] in steps_of(back, mappings[0])
    assert TOLD[what] not in steps_of(back, mappings[1])


def test_what_a_move_took_does_not_come_back_by_an_undo(
    owner: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    published(owner.actor, mappings[0])
    change_set = put_in_force(owner.actor, drafted())

    back = undo(owner.actor, "too early", change_set_id=change_set.pk)

    assert TOLD["account"] not in steps_of(back, mappings[0])
    assert not Mapping.objects.get(pk=mappings[0].pk).is_published


def test_who_has_a_hostname_by_now_is_not_told(
    owner: Person, outsider: Person, mappings: list[Mapping], drafted: Drafting
) -> None:
    change_set = drafted()
    mappings[0].hostname.tenant = outsider.tenant
    mappings[0].hostname.save()

    said = " ".join(get_differences(Actor.program("a test"), change_set.pk))

    assert "docker.acme.com belongs to another tenant by now" in said
    assert outsider.tenant.slug not in said

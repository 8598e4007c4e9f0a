"""Change sets while others write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.models import Change, ChangeSet, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict
from routing.services.changes.applying import apply, undo
from routing.services.changes.drafts import draft
from routing.services.changes.wishes import wishes_to_repoint
from routing.services.mappings.mappings import add_mapping, repoint
from tests.concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "a.example"
PREFIXES = ("app", "web", "api")


@pytest.fixture
def change_set(platform: Actor) -> ChangeSet:
    for prefix in PREFIXES:
        add_mapping(platform, "", hostname=HOST, prefix=prefix, target=f"docker.io/acme/{prefix}")
    wishes = wishes_to_repoint(platform, source="docker.io", target="ghcr.io")
    return draft(platform, "to GitHub", wishes=wishes)


def registries_led_to() -> set[str]:
    return {mapping.registry.authority for mapping in Mapping.objects.with_names()}


def test_of_two_who_apply_the_same_set_one_does(platform: Actor, change_set: ChangeSet) -> None:
    def put_in_force() -> None:
        apply(platform, change_set_id=change_set.pk, checksum=change_set.checksum)

    refusals = at_once([put_in_force] * 3)

    assert [type(refusal) for refusal in refusals] == [Conflict, Conflict]
    assert Mapping.history.filter(change_set=change_set.pk).count() == len(PREFIXES)
    assert registries_led_to() == {"ghcr.io"}


def test_a_repoint_at_the_same_moment_comes_before_or_after_and_never_between(
    platform: Actor, change_set: ChangeSet
) -> None:
    def put_in_force() -> None:
        apply(platform, change_set_id=change_set.pk, checksum=change_set.checksum)

    def repoint_one() -> None:
        repoint(platform, "r", hostname=HOST, prefix="web", target="quay.io/acme")

    refusals = at_once([put_in_force, repoint_one])

    if refusals:
        # The repoint was first: nothing of the set is in force.
        assert [type(refusal).__name__ for refusal in refusals] == ["Stale"]
        assert registries_led_to() == {"docker.io", "quay.io"}
    else:
        assert registries_led_to() == {"ghcr.io", "quay.io"}
    generations = list(Change.objects.filter(kind="mapping").values_list("generation", flat=True))
    of_set = Mapping.history.filter(change_set=change_set.pk).count()
    assert of_set in (0, len(PREFIXES))
    assert len(generations) == len(set(generations))


def test_of_undo_and_another_repoint_one_finds_the_other_done(platform: Actor, change_set: ChangeSet) -> None:
    apply(platform, change_set_id=change_set.pk, checksum=change_set.checksum)

    def undo_it() -> None:
        undo(platform, "back", change_set_id=change_set.pk)

    def repoint_to(name: str) -> Callable[[], object]:
        return lambda: repoint(platform, "r", hostname=HOST, prefix="web", target=f"quay.io/{name}")

    refusals = at_once([undo_it, repoint_to("x")])

    others = {m.registry.authority for m in Mapping.objects.with_names().exclude(prefix="web")}
    assert others == ({"ghcr.io"} if refusals else {"docker.io"})
    assert Mapping.objects.with_names().get(prefix="web").target == "quay.io/x"

"""Nobody touches, or learns of, what is another tenant's: every verb of mappings, by owner, teammate and outsider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from routing.models import Mapping, Membership, Role
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.mappings.mappings import (
    add_mapping,
    get_mapping,
    remove_mapping,
    remove_mappings,
    repoint,
    switch_mappings,
    update_mapping,
)
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"
OPTIONS: dict[str, Any] = {"allow_push": False, "private": False, "delivery": "auto", "enabled": True}
# Each changes the mapping docker.acme.com/acme.
VERBS: dict[str, Callable[[Actor, Mapping], Any]] = {
    "repoint": lambda actor, mapping: repoint(actor, "r", hostname=HOST, prefix="acme", target="quay.io/x"),
    "edit": lambda actor, mapping: update_mapping(actor, "r", mapping_id=mapping.pk, target="quay.io/x", **OPTIONS),
    "switch": lambda actor, mapping: switch_mappings(actor, "r", mapping_ids=[mapping.pk], enabled=False),
    "remove": lambda actor, mapping: remove_mapping(actor, "r", hostname=HOST, prefix="acme"),
    "remove several": lambda actor, mapping: remove_mappings(actor, "r", mapping_ids=[mapping.pk]),
}


@pytest.fixture
def mapping(owner: Person) -> Mapping:
    return add_mapping(owner.actor, "", hostname=HOST, prefix="acme", target="ghcr.io/acme").mapping


@pytest.mark.parametrize("verb", VERBS)
def test_a_teammate_who_is_an_operator_may(mapping: Mapping, teammate: Person, verb: str) -> None:
    VERBS[verb](teammate.actor, mapping)

    latest = Mapping.history.filter(id=mapping.pk).latest()
    assert (latest.actor, latest.history_user, latest.history_change_reason) == ("bob", teammate.user, "r")


@pytest.mark.parametrize("verb", VERBS)
def test_a_teammate_who_is_a_viewer_may_not(mapping: Mapping, teammate: Person, verb: str) -> None:
    Membership.objects.filter(user=teammate.user).update(role=Role.VIEWER)

    assert get_mapping(teammate.actor, HOST, "acme") == mapping
    with pytest.raises(PermissionDenied, match="your role in Acme"):
        VERBS[verb](teammate.actor, mapping)
    with pytest.raises(PermissionDenied):
        add_mapping(teammate.actor, "", hostname=HOST, prefix="more", target="ghcr.io/more")


@pytest.mark.parametrize("verb", VERBS)
def test_somebody_whose_membership_is_gone_finds_nothing(mapping: Mapping, teammate: Person, verb: str) -> None:
    Membership.objects.filter(user=teammate.user).delete()

    with pytest.raises(NotFound):
        VERBS[verb](teammate.actor, mapping)


def test_an_outsider_adds_nothing_and_is_told_the_same_as_of_a_hostname_that_is_nobodys(
    owner: Person, outsider: Person
) -> None:
    messages = []
    for hostname in (HOST, "nobodys.example"):
        with pytest.raises(NotFound) as caught:
            add_mapping(outsider.actor, "", hostname=hostname, prefix="x", target="ghcr.io/x")
        messages.append(caught.value.message.replace(hostname, "NAME"))

    assert messages[0] == messages[1]
    assert not Mapping.objects.exists()


def test_all_of_a_shared_registry_is_the_platforms_to_map(owner: Person, platform: Actor) -> None:
    with pytest.raises(ServiceError, match="operators of the platform only"):
        add_mapping(owner.actor, "", hostname=HOST, prefix="hub", target="docker.io")

    assert add_mapping(platform, "", hostname=HOST, prefix="hub", target="docker.io").changed
    assert add_mapping(owner.actor, "", hostname=HOST, prefix="own", target="r.acme.com").changed

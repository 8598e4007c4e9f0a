"""What a hostname pointed to at some time: from the history, as it was then, also of what is gone or moved since."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.as_of import get_mappings_at
from routing.services.mappings.mappings import add_mapping, remove_mappings, repoint, switch_mappings
from routing.services.registries.registries import update_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def led(actor: Actor, at: datetime) -> dict[str, tuple[str, str]]:
    return {each.source: (each.target, each.state) for each in get_mappings_at(actor, at, hostname=HOST)}


def test_each_time_has_its_own_answer(owner: Person, platform: Actor) -> None:
    before = timezone.now()
    mapping = add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="r.acme.com/app").mapping
    added = timezone.now()
    repoint(owner.actor, "r", hostname=HOST, prefix="app", target="quay.io/acme")
    repointed = timezone.now()
    switch_mappings(owner.actor, "r", mapping_ids=[mapping.pk], enabled=False)
    disabled = timezone.now()
    suspend_hostnames(platform, "r", hostname_ids=[owner.hostname.pk], suspended=True)
    suspended = timezone.now()
    remove_mappings(owner.actor, "r", mapping_ids=[mapping.pk])

    assert led(owner.actor, before) == {}
    assert led(owner.actor, added) == {f"{HOST}/app": ("r.acme.com/app", "enabled")}
    assert led(owner.actor, repointed) == {f"{HOST}/app": ("quay.io/acme", "enabled")}
    assert led(owner.actor, disabled) == {f"{HOST}/app": ("quay.io/acme", "disabled")}
    assert led(owner.actor, suspended) == {f"{HOST}/app": ("quay.io/acme", "hostname suspended")}
    assert led(owner.actor, timezone.now()) == {}


def test_a_registry_is_called_as_it_was_then(owner: Person) -> None:
    add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="r.acme.com/app")
    then = timezone.now()
    own = Registry.objects.get(origin="https://r.acme.com")
    update_registry(owner.actor, "r", registry_id=own.pk, origin="https://new.acme.com")

    assert led(owner.actor, then)[f"{HOST}/app"][0] == "r.acme.com/app"
    assert led(owner.actor, timezone.now())[f"{HOST}/app"][0] == "new.acme.com/app"


def test_a_tenant_is_told_of_the_time_when_it_was_its_own(owner: Person, outsider: Person, platform: Actor) -> None:
    add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="quay.io/acme")
    then = timezone.now()
    hand_over_hostname(platform, "r", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk)

    assert led(owner.actor, then) == {f"{HOST}/app": ("quay.io/acme", "enabled")}
    assert led(owner.actor, timezone.now()) == {}
    assert led(outsider.actor, then) == {}
    assert led(outsider.actor, timezone.now()) == {f"{HOST}/app": ("quay.io/acme", "enabled")}
    assert [each.actor for each in get_mappings_at(outsider.actor, timezone.now(), hostname=HOST)] == ["unknown"]


def test_others_find_nothing(owner: Person, outsider: Person) -> None:
    with pytest.raises(NotFound):
        get_mappings_at(outsider.actor, timezone.now(), hostname=HOST)
    with pytest.raises(NotFound):
        get_mappings_at(outsider.actor, timezone.now(), tenant="acme")


def test_a_tenants_hostnames_together(owner: Person) -> None:
    add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="quay.io/acme")

    (stood,) = get_mappings_at(owner.actor, timezone.now(), tenant="acme")

    assert (stood.source, stood.actor) == (f"{HOST}/app", "alice")


def test_a_time_that_is_not_kept_any_more_is_not_told_as_nothing(owner: Person, settings: Settings) -> None:
    before = timezone.now()
    add_mapping(owner.actor, "", hostname=HOST, prefix="app", target="quay.io/acme")
    settings.FACADE_MAX_HISTORY_PER_TENANT = 1

    with pytest.raises(ServiceError, match="the history goes back to"):
        get_mappings_at(owner.actor, before, hostname=HOST)

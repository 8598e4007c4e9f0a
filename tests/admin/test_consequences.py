"""What can't be taken back, or keeps clients out, tells before what hangs on it, in numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from routing.core.pull_counts import PULL_SHAPE, Grain, Names
from routing.models import Mapping, Membership, Registry
from routing.models.pull_count import add_counts
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import create_api_token
from tests.admin.conftest import AdminClient, add, text_of
from tests.services.answered import answered

pytestmark = pytest.mark.django_db


def pulled(mapping: Mapping, times: int) -> None:
    host = mapping.hostname
    names = Names(
        str(host.tenant_id), host.name, (mapping.prefix, f"{mapping.prefix}/a", "docker", "28", "", "ghcr.io")
    )
    numbers = [times if name in ("tags", "redirected") else 0 for name in PULL_SHAPE.numbers]
    add_counts([(PULL_SHAPE, Grain.DAY, datetime.now(UTC), {names: numbers})], 1000)


@pytest.fixture
def other(mapping: Mapping) -> Mapping:
    return add("docker.acme.com", "beta", "ghcr.io/beta")


def asked(admin: AdminClient, view: str, row: object, action: str) -> str:
    data = {"action": action, "_selected_action": [row.pk]}  # type: ignore[attr-defined]
    return text_of(admin.client.post(admin.url(f"{view}_changelist"), data))


def test_removing_or_disabling_mappings_tells_how_many_pull(
    admin: AdminClient, mapping: Mapping, other: Mapping
) -> None:
    pulled(mapping, 1200)
    pulled(other, 34)

    assert "1,200 pulls went through it in the last 30 days." in text_of(admin.get("mapping_delete", mapping.pk))
    assert "34 pulls went through it in the last 30 days." in text_of(admin.act("switch_off", [other]))
    assert "1,234 pulls went through them in the last 30 days." in text_of(admin.act("remove_all", [mapping, other]))
    assert "went through" not in text_of(admin.act("switch_on", [mapping]))


def test_suspending_tells_what_is_below(admin: AdminClient, mapping: Mapping, other: Mapping) -> None:
    pulled(mapping, 7)

    of_hostname = asked(admin, "hostname", mapping.hostname, "suspend")
    of_tenant = asked(admin, "tenant", mapping.hostname.tenant, "suspend")

    assert "2 mappings lead on from it. 7 pulls went through it in the last 30 days." in of_hostname
    assert "1 hostname, with 2 mappings. 7 pulls went through it in the last 30 days." in of_tenant


def test_what_nobody_pulls_or_nothing_counts_says_so(admin: AdminClient, mapping: Mapping, settings: Settings) -> None:
    assert "Nobody pulled through it in the last 30 days." in text_of(admin.get("mapping_delete", mapping.pk))

    settings.FACADE_STATISTICS_DAYS = 0
    assert "How many pull is not known" in text_of(admin.get("mapping_delete", mapping.pk))


def test_removing_a_registry_tells_what_goes_along(admin: AdminClient) -> None:
    registry = Registry.objects.create(name="own", origin="https://own.example", account_user="robot")
    answered(registry, 0)
    answered(registry, 72)

    said = text_of(admin.get("registry_delete", registry.pk))

    assert "The numbers of 2 days of its answers go, too. The facade's account there is forgotten." in said


def test_removing_a_member_tells_who_stays_and_what_ends(admin: AdminClient, mapping: Mapping, member: object) -> None:
    tenant = mapping.hostname.tenant
    owner, viewer = (member(tenant, role) for role in ("owner", "viewer"))  # type: ignore[operator]
    create_api_token(Actor.person(viewer.user), user=viewer.user, name="t", tenant_id=tenant.pk)

    said = text_of(admin.get("membership_delete", Membership.objects.get(user=viewer.user).pk))

    assert "There remain 1 other member, of these 1 owner. 1 API token for this tenant alone" in said
    assert owner.user != viewer.user

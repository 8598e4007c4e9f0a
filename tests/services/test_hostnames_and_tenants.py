"""The verbs of hostnames and tenants, as operators of the platform call them. Claims: test_claims.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.core.table.routing_table import Table
from routing.models import Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import add_hostname, remove_hostname, suspend_hostnames, update_hostname
from routing.services.leaving.tenant_removal import remove_tenant
from routing.services.mappings.mappings import add_mapping
from routing.services.people.tenants import add_tenant, suspend_tenants
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_a_hostname_is_stored_in_its_one_form(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    hostname = add_hostname(platform, "", tenant_id=owner.tenant.pk, name=" Bücher.Example. ")

    assert hostname.name == "xn--bcher-kva.example"
    assert table().hosts.get("xn--bcher-kva.example") is not None


@pytest.mark.parametrize("name", ["docker.acme.com", "DOCKER.ACME.COM", "docker.acme.com."])
def test_a_hostname_is_there_once_whatever_its_case(
    platform: Actor, owner: Person, outsider: Person, name: str
) -> None:
    with pytest.raises(ServiceError, match="taken"):
        add_hostname(platform, "", tenant_id=outsider.tenant.pk, name=name)


def test_switching_a_hostname_off(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    update_hostname(owner.actor, "moving", hostname_id=owner.hostname.pk, enabled=False)

    entry = table().hosts.get(owner.hostname.name)
    assert entry is not None
    assert not entry.enabled


def test_the_login_registry_is_shared_or_the_tenants_own(platform: Actor, owner: Person, outsider: Person) -> None:
    ghcr = Registry.objects.get(origin="https://ghcr.io")
    pk = owner.hostname.pk
    changed = update_hostname(owner.actor, "", hostname_id=pk, login_registry_id=ghcr.pk)
    assert changed.row.table_entry().login_registry == str(ghcr.pk)

    theirs = Registry.objects.create(name="x", origin="https://x.example", tenant=outsider.tenant)
    with pytest.raises(NotFound, match="registry is gone"):
        update_hostname(owner.actor, "", hostname_id=pk, login_registry_id=theirs.pk)
    with pytest.raises(ServiceError, match="another tenant"):
        update_hostname(platform, "", hostname_id=pk, login_registry_id=theirs.pk)


def test_a_hostname_with_mappings_is_not_removed(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    add_mapping(platform, "", hostname=owner.hostname.name, prefix="acme", target="ghcr.io/acme")

    with pytest.raises(ServiceError, match="still used by mappings"):
        remove_hostname(owner.actor, "", hostname_id=owner.hostname.pk)


def test_removing_a_hostname(owner: Person, table: Callable[[], Table]) -> None:
    remove_hostname(owner.actor, "", hostname_id=owner.hostname.pk)

    assert table().hosts.get(owner.hostname.name) is None
    with pytest.raises(NotFound):
        remove_hostname(owner.actor, "", hostname_id=owner.hostname.pk)


def test_suspending_a_hostname_is_the_platforms(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    with pytest.raises(PermissionDenied):
        suspend_hostnames(owner.actor, "", hostname_ids=[owner.hostname.pk], suspended=True)

    suspend_hostnames(platform, "abuse", hostname_ids=[owner.hostname.pk], suspended=True, message="under review")
    entry = table().hosts.get(owner.hostname.name)
    assert entry is not None
    assert entry.refusal == "under review"
    suspend_hostnames(platform, "cleared", hostname_ids=[owner.hostname.pk], suspended=False)
    entry = table().hosts.get(owner.hostname.name)
    assert entry is not None
    assert entry.refusal == ""


@pytest.mark.parametrize(("message", "told"), [("pay first", "pay first"), ("", "suspended")])
def test_suspending_a_tenant(
    platform: Actor, owner: Person, table: Callable[[], Table], message: str, told: str
) -> None:
    suspend_tenants(platform, "", tenant_ids=[owner.tenant.pk], suspended=True, message=message)
    entry = table().tenants.get(str(owner.tenant.pk))
    assert entry is not None
    assert told in entry.refusal

    suspend_tenants(platform, "", tenant_ids=[owner.tenant.pk], suspended=False, message=message)
    entry = table().tenants.get(str(owner.tenant.pk))
    assert entry is not None
    assert entry.refusal == ""


def test_a_tenant_with_something_left_is_not_removed(platform: Actor, owner: Person) -> None:
    with pytest.raises(ServiceError, match="still used by hostnames"):
        remove_tenant(platform, "", tenant_id=owner.tenant.pk)

    empty = add_tenant(platform, "", slug="empty", name="Empty")
    remove_tenant(platform, "", tenant_id=empty.pk)
    for verb in (
        lambda: remove_tenant(platform, "", tenant_id=0),
        lambda: suspend_tenants(platform, "", tenant_ids=[0], suspended=True),
    ):
        with pytest.raises(NotFound):
            verb()


@pytest.mark.parametrize("slug", ["", "Not a slug", "a" * 64, "acme"])
def test_a_slug_is_short_and_there_once(platform: Actor, owner: Person, slug: str) -> None:
    with pytest.raises(ServiceError) as caught:
        add_tenant(platform, "", slug=slug, name="x")

    assert "slug" in caught.value.fields

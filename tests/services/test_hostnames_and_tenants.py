"""The verbs of hostnames and tenants, as operators of the platform call them. Claims: test_claims.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.core.table.routing_table import Table
from routing.models import Hostname, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import remove_hostname, save_hostname, suspend_hostname
from routing.services.mappings.mappings import add_mapping
from routing.services.people.tenants import remove_tenant, save_tenant, suspend_tenant
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_a_hostname_is_stored_in_its_one_form(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    hostname = save_hostname(platform, "", Hostname(tenant=owner.tenant, name=" Bücher.Example. "))

    assert hostname.name == "xn--bcher-kva.example"
    assert table().hosts.get("xn--bcher-kva.example") is not None


@pytest.mark.parametrize("name", ["docker.acme.com", "DOCKER.ACME.COM", "docker.acme.com."])
def test_a_hostname_is_there_once_whatever_its_case(
    platform: Actor, owner: Person, outsider: Person, name: str
) -> None:
    with pytest.raises(ServiceError, match="taken"):
        save_hostname(platform, "", Hostname(tenant=outsider.tenant, name=name))


def test_a_hostname_keeps_its_name_and_its_tenant(platform: Actor, owner: Person, outsider: Person) -> None:
    hostname = Hostname.objects.get(pk=owner.hostname.pk)
    hostname.name = "other.acme.com"
    with pytest.raises(ServiceError, match="isn't renamed"):
        save_hostname(platform, "", hostname)

    hostname = Hostname.objects.get(pk=owner.hostname.pk)
    hostname.tenant = outsider.tenant
    with pytest.raises(ServiceError, match="isn't moved"):
        save_hostname(platform, "", hostname)


def test_switching_a_hostname_off(platform: Actor, owner: Person, table: Callable[[], Table]) -> None:
    hostname = Hostname.objects.get(pk=owner.hostname.pk)
    hostname.enabled = False

    save_hostname(owner.actor, "moving", hostname)

    entry = table().hosts.get(hostname.name)
    assert entry is not None
    assert not entry.enabled


def test_the_login_registry_is_shared_or_the_tenants_own(owner: Person, outsider: Person) -> None:
    ghcr = Registry.objects.get(origin="https://ghcr.io")
    hostname = Hostname.objects.get(pk=owner.hostname.pk)
    hostname.login_registry = ghcr
    assert save_hostname(owner.actor, "", hostname).table_entry().login_registry == str(ghcr.pk)

    hostname.login_registry = Registry.objects.create(name="x", origin="https://x.example", tenant=outsider.tenant)
    with pytest.raises(ServiceError, match="another tenant"):
        save_hostname(owner.actor, "", hostname)


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
        suspend_hostname(owner.actor, "", hostname_id=owner.hostname.pk, suspended=True)

    suspend_hostname(platform, "abuse", hostname_id=owner.hostname.pk, suspended=True, message="under review")
    entry = table().hosts.get(owner.hostname.name)
    assert entry is not None
    assert entry.refusal == "under review"
    suspend_hostname(platform, "cleared", hostname_id=owner.hostname.pk, suspended=False)
    entry = table().hosts.get(owner.hostname.name)
    assert entry is not None
    assert entry.refusal == ""


@pytest.mark.parametrize(("message", "told"), [("pay first", "pay first"), ("", "suspended")])
def test_suspending_a_tenant(
    platform: Actor, owner: Person, table: Callable[[], Table], message: str, told: str
) -> None:
    suspend_tenant(platform, "", tenant_id=owner.tenant.pk, suspended=True, message=message)
    entry = table().tenants.get(str(owner.tenant.pk))
    assert entry is not None
    assert told in entry.refusal

    suspend_tenant(platform, "", tenant_id=owner.tenant.pk, suspended=False, message=message)
    entry = table().tenants.get(str(owner.tenant.pk))
    assert entry is not None
    assert entry.refusal == ""


def test_a_tenant_with_something_left_is_not_removed(platform: Actor, owner: Person) -> None:
    with pytest.raises(ServiceError, match="still used by hostnames"):
        remove_tenant(platform, "", tenant_id=owner.tenant.pk)

    empty = save_tenant(platform, "", Tenant(slug="empty", name="Empty"))
    remove_tenant(platform, "", tenant_id=empty.pk)
    for verb in (
        lambda: remove_tenant(platform, "", tenant_id=0),
        lambda: suspend_tenant(platform, "", tenant_id=0, suspended=True),
    ):
        with pytest.raises(NotFound):
            verb()


@pytest.mark.parametrize("slug", ["", "Not a slug", "a" * 64, "acme"])
def test_a_slug_is_short_and_there_once(platform: Actor, owner: Person, slug: str) -> None:
    with pytest.raises(ServiceError) as caught:
        save_tenant(platform, "", Tenant(slug=slug, name="x"))

    assert "slug" in caught.value.fields

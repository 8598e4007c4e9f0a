"""The rows as a document: what `export` writes, and what a plan compares with."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import Permission, check_permission
from routing.services.configuration.document import (
    VERSION,
    Document,
    HostnameItem,
    Item,
    MappingItem,
    RegistryItem,
    TenantItem,
    members,
)

#: Before the origin of a shared registry, for a tenant that has one of its own there.
SHARED = "shared:"
_REGISTRIES = ("registry", "login_registry", "standby_registry")


def current_document(actor: Actor, slugs: Collection[str] = ()) -> Document:
    """The configuration as it is; with `slugs`, of those tenants alone, without the shared registries.

    For operators of the platform. Raises PermissionDenied, NotFound for a tenant that isn't there.
    """
    check_permission(actor, Permission.EXPORT, None)
    tenants = Tenant.objects.order_by("slug")
    shared = None
    if slugs:
        tenants = tenants.filter(slug__in=slugs)
        missing = sorted(set(slugs) - {tenant.slug for tenant in tenants})
        if missing:
            raise NotFound(f"there is no tenant {missing[0]}")
    else:
        shared = tuple(map(registry_item, Registry.objects.filter(tenant=None).order_by("origin")))
    return Document(version=VERSION, registries=shared, tenants=tuple(_Rows(tenants).entries()))


class _Rows:
    """The rows of some tenants, by what they belong to."""

    def __init__(self, tenants: Collection[Tenant]) -> None:
        self._tenants = tenants
        self._registries: dict[int | None, list[Registry]] = defaultdict(list)
        self._hostnames: dict[int, list[Hostname]] = defaultdict(list)
        self._mappings: dict[int, list[Mapping]] = defaultdict(list)
        ids = [tenant.pk for tenant in tenants]
        for registry in Registry.objects.filter(tenant__in=ids).order_by("origin"):
            self._registries[registry.tenant_id].append(registry)
        for hostname in Hostname.objects.filter(tenant__in=ids).select_related("login_registry").order_by("name"):
            self._hostnames[hostname.tenant_id].append(hostname)
        mappings = Mapping.objects.filter(hostname__tenant__in=ids).order_by("prefix")
        mappings = mappings.select_related("registry", "standby_registry")
        for mapping in mappings:
            self._mappings[mapping.hostname_id].append(mapping)

    def entries(self) -> list[TenantItem]:
        return [self._tenant(tenant) for tenant in self._tenants]

    def _tenant(self, tenant: Tenant) -> TenantItem:
        own = {registry.origin for registry in self._registries[tenant.pk]}
        return TenantItem(
            **_said_of(tenant, TenantItem),
            registries=tuple(map(registry_item, self._registries[tenant.pk])),
            hostnames=tuple(self._hostname(each, own) for each in self._hostnames[tenant.pk]),
        )

    def _hostname(self, hostname: Hostname, own: set[str]) -> HostnameItem:
        return hostname_item(hostname, own, tuple(mapping_item(each, own) for each in self._mappings[hostname.pk]))


def hostname_item(hostname: Hostname, own: Collection[str], mappings: tuple[MappingItem, ...]) -> HostnameItem:
    """A hostname's entry; `own`: the origins of its tenant's own registries."""
    return HostnameItem(
        **_said_of(hostname, HostnameItem), login_registry=named(hostname.login_registry, own), mappings=mappings
    )


def mapping_item(mapping: Mapping, own: Collection[str]) -> MappingItem:
    """What somebody said of it: one that has failed over leads to its standby by nobody's word."""
    home, standby = mapping.home, mapping.named_standby
    said: dict[str, Any] = {"registry": named(home.registry, own), "upstream_prefix": home.upstream_prefix}
    if standby is not None:
        said |= {"standby_registry": named(standby.registry, own), "standby_prefix": standby.upstream_prefix}
    return MappingItem(**{**_said_of(mapping, MappingItem), **said})


def named(registry: Registry | None, own: Collection[str]) -> str:
    """A registry as its tenant's entries name it, which has some of its own."""
    if registry is None:
        return ""
    return f"{SHARED}{registry.origin}" if registry.tenant_id is None and registry.origin in own else registry.origin


def plain_values(row: object, kind: type[Item]) -> dict[str, Any]:
    """What a row and its entry have by the same name: all but lists, and registries."""
    names = [member.name for member in members(kind) if member.entries is None]
    return {name: getattr(row, name) for name in names if name not in _REGISTRIES}


def _said_of(row: object, kind: type[Item]) -> dict[str, Any]:
    """The same of a row as a document says it: of one without labels it says nothing of labels."""
    values = plain_values(row, kind)
    return {**values, "labels": values["labels"] or None} if "labels" in values else values


def registry_item(registry: Registry) -> RegistryItem:
    """A registry's entry."""
    return RegistryItem(**_said_of(registry, RegistryItem))

"""Some rows as a configuration's document, as a list shows them.

What it says of a row is what the whole document says of it. Applied without `prune` it removes nothing, so it can be
read again as it is: what it leaves out stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.configuration.current import hostname_item, mapping_item, plain_values, registry_item
from routing.services.configuration.document import VERSION, Document, HostnameItem, MappingItem, TenantItem


def document_of_mappings(mappings: Iterable[Mapping]) -> Document:
    """Mappings below their hostnames, with the registries of their tenants' own to which they lead.

    They come with hostname, tenant, login registry and registries.
    """
    parts = _Parts()
    for mapping in mappings:
        parts.add_mapping(mapping)
    return parts.document()


def document_of_hostnames(hostnames: Iterable[Hostname]) -> Document:
    """Hostnames below their tenants, without their mappings. They come with tenant and login registry."""
    parts = _Parts()
    for hostname in hostnames:
        parts.add_hostname(hostname)
    return parts.document()


def document_of_registries(registries: Iterable[Registry]) -> Document:
    """Shared ones, and those of tenants below these. They come with their tenant."""
    parts = _Parts()
    for registry in registries:
        parts.add_registry(registry)
    return parts.document()


class _Parts:
    """The rows so far, by what they belong to."""

    def __init__(self) -> None:
        self._tenants: dict[int, Tenant] = {}
        self._hostnames: dict[int, Hostname] = {}
        self._mappings: dict[int, list[Mapping]] = defaultdict(list)
        self._registries: dict[int | None, dict[int, Registry]] = defaultdict(dict)

    def add_mapping(self, mapping: Mapping) -> None:
        self.add_hostname(mapping.hostname)
        self._mappings[mapping.hostname_id].append(mapping)
        self._add_own(mapping.registry)
        self._add_own(mapping.standby_registry)

    def add_hostname(self, hostname: Hostname) -> None:
        self._tenants[hostname.tenant_id] = hostname.tenant
        self._hostnames[hostname.pk] = hostname
        self._add_own(hostname.login_registry)

    def add_registry(self, registry: Registry) -> None:
        if registry.tenant is not None:
            self._tenants[registry.tenant.pk] = registry.tenant
        self._registries[registry.tenant_id][registry.pk] = registry

    def _add_own(self, registry: Registry | None) -> None:
        if registry is not None and registry.tenant_id is not None:
            self._registries[registry.tenant_id][registry.pk] = registry

    def document(self) -> Document:
        shared = self._registries.get(None)
        return Document(
            version=VERSION,
            registries=None if shared is None else tuple(map(registry_item, _by_origin(shared.values()))),
            tenants=tuple(self._entries()),
        )

    def _entries(self) -> Iterable[TenantItem]:
        # By all that a tenant has, for that says which of two of one address is meant.
        own: dict[int | None, set[str]] = defaultdict(set)
        for tenant_id, origin in Registry.objects.filter(tenant__in=self._tenants).values_list("tenant_id", "origin"):
            own[tenant_id].add(origin)
        hosts: dict[int, list[Hostname]] = defaultdict(list)
        for hostname in sorted(self._hostnames.values(), key=lambda row: row.name):
            hosts[hostname.tenant_id].append(hostname)
        for tenant in sorted(self._tenants.values(), key=lambda row: row.slug):
            yield TenantItem(
                **plain_values(tenant, TenantItem),
                registries=tuple(map(registry_item, _by_origin(self._registries[tenant.pk].values()))),
                hostnames=tuple(self._hostname(each, own[tenant.pk]) for each in hosts[tenant.pk]),
            )

    def _hostname(self, hostname: Hostname, own: set[str]) -> HostnameItem:
        rows = sorted(self._mappings[hostname.pk], key=lambda row: row.prefix)
        mappings: tuple[MappingItem, ...] = tuple(mapping_item(each, own) for each in rows)
        return hostname_item(hostname, own, mappings)


def _by_origin(registries: Iterable[Registry]) -> list[Registry]:
    return sorted(registries, key=lambda row: row.origin)

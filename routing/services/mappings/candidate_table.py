"""The routing table as it would be with one mapping led elsewhere, for `decide()` to be asked beforehand."""

from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.routing_table import Change, HostEntry, RegistryEntry, Table, TenantEntry

#: The key, in a candidate table, of a row that isn't there yet.
NEW = "candidate"


def with_mapping(today: Table, key: str, mapping: MappingEntry, registry: RegistryEntry) -> Table:
    """The table with this mapping, and with its registry as it is given."""
    return today.apply(
        [
            Change(today.generation, "registry", mapping.registry, registry._asdict()),
            Change(today.generation, "mapping", key, mapping._asdict()),
        ]
    )


def with_hostname(today: Table, name: str) -> Table:
    """The table with a hostname that isn't there yet, as it is when it was added."""
    if today.hosts.get(name) is not None:
        return today
    return today.apply(
        [
            Change(today.generation, "tenant", NEW, TenantEntry(NEW)._asdict()),
            Change(today.generation, "hostname", name, HostEntry(tenant=NEW)._asdict()),
        ]
    )

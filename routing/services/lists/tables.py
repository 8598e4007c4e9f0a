"""Hostnames and registries as tables for spreadsheets; that of mappings, which an import reads, is among theirs."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from routing.models import Hostname, Registry
from routing.services.mappings.csv_export import line_of
from routing.services.mappings.state import state_of_hostname

HOSTNAME_COLUMNS = ("hostname", "tenant", "state", "enabled", "suspended", "login_registry", "created_at")
REGISTRY_COLUMNS = ("name", "origin", "alias", "tenant", "auth", "implicit_namespace", "stream_blobs", "probed_at")


def csv_of_hostnames(hostnames: Iterable[Hostname]) -> Iterator[str]:
    """The table's lines, the headings first. The hostnames come with their tenant and login registry."""
    yield line_of(HOSTNAME_COLUMNS)
    for row in hostnames:
        login = row.login_registry.origin if row.login_registry else ""
        state = state_of_hostname(row).text
        switches = (_yes(row.enabled), _yes(row.suspended))
        yield line_of([row.name, row.tenant.slug, state, *switches, login, _at(row.created_at)])


def csv_of_registries(registries: Iterable[Registry]) -> Iterator[str]:
    """The same. A shared registry has no tenant."""
    yield line_of(REGISTRY_COLUMNS)
    for row in registries:
        tenant = row.tenant.slug if row.tenant else ""
        said = (row.name, row.origin, row.alias, tenant, row.auth, row.implicit_namespace, _yes(row.stream_blobs))
        yield line_of([*said, _at(row.probed_at)])


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _at(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()

"""What the machines of those who pull from a hostname contact: for whoever has to let them through a firewall.

Made of what probes have found; nobody is asked here. Registries choose where their layers lie, and may choose anew at
any time.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.pull_command import HTTPS_PORT, authority_of

_PORTS = {"https": HTTPS_PORT, "http": 80}
# Of what is not known, so many are named.
_NAMED = 20


class Purpose(StrEnum):
    """What for."""

    FACADE = "facade"
    REGISTRY = "registry"
    TOKENS = "tokens"
    STORAGE = "storage"

    @property
    def words(self) -> str:
        """The same for people."""
        return _WORDS[self]


_WORDS = {
    Purpose.FACADE: "this address itself",
    Purpose.REGISTRY: "the registry, where clients are sent on",
    Purpose.TOKENS: "the registry's tokens",
    Purpose.STORAGE: "the layers",
}


class Contact(NamedTuple):
    """A host and a port. `mappings`: how many lead there.

    `seen_at`: when a probe last saw that; None where none has, or the last one failed.
    """

    host: str
    port: int
    purpose: Purpose
    mappings: int
    seen_at: datetime | None


class Contacts(NamedTuple):
    """Those of one hostname. `unknown`: mappings whose layers' place no probe has seen, the first of them by name."""

    hostname: Hostname
    contacts: list[Contact]
    unknown: list[str]
    unknown_count: int


def get_contacts(actor: Actor, hostname_id: int) -> Contacts:
    """What is contacted for a hostname's mappings, but for those that are off. Raises NotFound."""
    hostname = get_hostname(actor, hostname_id)
    rows = Mapping.objects.filter(hostname=hostname, enabled=True).select_related("hostname", "registry")
    found: dict[tuple[str, int, Purpose], Contact] = {}
    unknown = []
    count = 0
    for mapping in rows.order_by("prefix").iterator():
        count += 1
        for key, seen_at in _of(mapping):
            known = found.get(key, Contact(*key, 0, None))
            newest = max(filter(None, (known.seen_at, seen_at)), default=None)
            found[key] = known._replace(mappings=known.mappings + 1, seen_at=newest)
        if mapping.blob_delivery == Mapping.BlobDelivery.UNKNOWN:
            unknown.append(mapping.source)
    order = list(Purpose)
    contacts = sorted(found.values(), key=lambda each: (order.index(each.purpose), each.host, each.port))
    return Contacts(hostname, [_facade(hostname, count), *contacts], unknown[:_NAMED], len(unknown))


def _facade(hostname: Hostname, count: int) -> Contact:
    _, colon, port = authority_of(hostname.name).removeprefix(hostname.name).rpartition(":")
    return Contact(hostname.name, int(port) if colon else HTTPS_PORT, Purpose.FACADE, count, None)


def _of(mapping: Mapping) -> Iterator[tuple[tuple[str, int, Purpose], datetime | None]]:
    """What a mapping leads to. What is published is got by the facade alone, but for the layers."""
    registry = mapping.registry
    seen_at = None if registry.probe_error else registry.probed_at
    if not mapping.is_published:
        yield (*_place(registry.origin), Purpose.REGISTRY), seen_at
        realm = registry.realm or registry.table_entry().asking(mapping.challenge).realm
        if realm and _place(realm)[0]:
            yield (*_place(realm), Purpose.TOKENS), seen_at
    for origin in mapping.blob_origins.split():
        # A probe that fails leaves what an earlier one has found.
        yield (*_place(origin), Purpose.STORAGE), None if mapping.probe_error else mapping.probed_at


def _place(url: str) -> tuple[str, int]:
    """Host and port; "" where a registry has named something else."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, HTTPS_PORT)
    except ValueError:
        return "", HTTPS_PORT

"""What the machines of those who pull from a hostname contact: for whoever has to let them through a firewall.

Made of what probes have found; nobody is asked here. Registries choose where their layers lie, and may choose anew at
any time.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db.models import Count, Max, Q, QuerySet

from routing.core.table.routing_table import RegistryEntry
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.pull_command import HTTPS_PORT, port_of

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
    mappings = Mapping.objects.filter(hostname=hostname, enabled=True)
    found: dict[tuple[str, int, Purpose], Contact] = {}
    for alike in _alike(mappings):
        for key, seen_at in _of(alike):
            known = found.get(key, Contact(*key, 0, None))
            newest = max(filter(None, (known.seen_at, seen_at)), default=None)
            found[key] = known._replace(mappings=known.mappings + alike["number"], seen_at=newest)
    order = list(Purpose)
    contacts = sorted(found.values(), key=lambda each: (order.index(each.purpose), each.host, each.port))
    facade = Contact(hostname.name, port_of(hostname.name), Purpose.FACADE, mappings.count(), None)
    unknown = mappings.filter(blob_delivery=Mapping.BlobDelivery.UNKNOWN)
    named = [mapping.source for mapping in unknown.select_related("hostname").order_by("prefix")[:_NAMED]]
    return Contacts(hostname, [facade, *contacts], named, unknown.count())


def _alike(mappings: "QuerySet[Mapping]") -> Iterable[dict[str, Any]]:
    """The mappings by what they lead to, which is little even where they are many."""
    rows = mappings.order_by().values(
        *("registry__origin", "registry__realm", "registry__probed_at", "registry__probe_error"),
        *("challenge", "blob_origins"),
        is_published=Q(account_user__gt=""),
        has_failed=Q(probe_error__gt=""),
    )
    alike: Iterable[dict[str, Any]] = rows.annotate(number=Count("pk"), seen_at=Max("probed_at"))
    return alike


def _of(alike: dict[str, Any]) -> Iterator[tuple[tuple[str, int, Purpose], datetime | None]]:
    """What such mappings lead to. What is published is got by the facade alone, but for the layers."""
    if not alike["is_published"]:
        seen_at = None if alike["registry__probe_error"] else alike["registry__probed_at"]
        origin = alike["registry__origin"]
        yield (*_place(origin), Purpose.REGISTRY), seen_at
        realm = alike["registry__realm"] or RegistryEntry(origin, "").asking(alike["challenge"]).realm
        if realm and _place(realm)[0]:
            yield (*_place(realm), Purpose.TOKENS), seen_at
    for origin in alike["blob_origins"].split():
        # A probe that fails leaves what an earlier one has found.
        yield (*_place(origin), Purpose.STORAGE), None if alike["has_failed"] else alike["seen_at"]


def _place(url: str) -> tuple[str, int]:
    """Host and port; "" where a registry has named something else."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, HTTPS_PORT)
    except ValueError:
        return "", HTTPS_PORT

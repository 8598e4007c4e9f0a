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
from routing.models import ContactSighting, Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.pull_command import HTTPS_PORT, port_of

_PORTS = {"https": HTTPS_PORT, "http": 80}
# Of what is not known, so many are named.
_NAMED = 20
# A feed has so many entries.
_TOLD = 50


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


class Place(NamedTuple):
    """A host and a port, and what for."""

    host: str
    port: int
    purpose: Purpose


class Contact(NamedTuple):
    """A host and a port. `mappings`: how many lead there.

    `since`: when a probe first saw that, as far as is known. `seen_at`: when one last did; None where none has, or the
    last one failed.
    """

    host: str
    port: int
    purpose: Purpose
    mappings: int
    since: datetime | None
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
    since = _since(hostname)
    found: dict[Place, Contact] = {}
    for row in alike(mappings):
        for place, seen_at in places_of(row):
            known = found.get(place, Contact(*place, 0, since.get(place), None))
            newest = max(filter(None, (known.seen_at, seen_at)), default=None)
            found[place] = known._replace(mappings=known.mappings + row["number"], seen_at=newest)
    order = list(Purpose)
    contacts = sorted(found.values(), key=lambda each: (order.index(each.purpose), each.host, each.port))
    facade = Contact(hostname.name, port_of(hostname.name), Purpose.FACADE, mappings.count(), None, None)
    unknown = mappings.filter(blob_delivery=Mapping.BlobDelivery.UNKNOWN)
    named = [mapping.source for mapping in unknown.select_related("hostname").order_by("prefix")[:_NAMED]]
    return Contacts(hostname, [facade, *contacts], named, unknown.count())


class Appearances(NamedTuple):
    """When hosts were first contacted for a hostname, the newest first."""

    hostname: Hostname
    sightings: list[ContactSighting]


def get_appearances(actor: Actor, hostname_id: int) -> Appearances:
    """The newest of a hostname, also of what is contacted no longer. Raises NotFound."""
    hostname = get_hostname(actor, hostname_id)
    return Appearances(hostname, list(ContactSighting.objects.filter(hostname=hostname)[:_TOLD]))


def _since(hostname: Hostname) -> dict[Place, datetime]:
    """When each was first seen."""
    rows = ContactSighting.objects.filter(hostname=hostname).values_list("host", "port", "purpose", "first_seen_at")
    return {Place(host, port, Purpose(purpose)): at for host, port, purpose, at in rows}


def alike(mappings: "QuerySet[Mapping]", *also: str) -> Iterable[dict[str, Any]]:
    """The mappings by what they lead to, which is little even where they are many, and by other fields."""
    rows = mappings.order_by().values(
        *also,
        *("registry__origin", "registry__realm", "registry__probed_at", "registry__probe_error"),
        *("challenge", "blob_origins"),
        is_published=Q(account_user__gt=""),
        has_failed=Q(probe_error__gt=""),
    )
    by_target: Iterable[dict[str, Any]] = rows.annotate(number=Count("pk"), seen_at=Max("probed_at"))
    return by_target


def places_of(row: dict[str, Any]) -> Iterator[tuple[Place, datetime | None]]:
    """What such mappings lead to, and when a probe saw that. What is published the facade gets, but for the layers."""
    if not row["is_published"]:
        seen_at = None if row["registry__probe_error"] else row["registry__probed_at"]
        origin = row["registry__origin"]
        yield Place(*host_and_port(origin), Purpose.REGISTRY), seen_at
        realm = row["registry__realm"] or RegistryEntry(origin, "").asking(row["challenge"]).realm
        if realm and host_and_port(realm)[0]:
            yield Place(*host_and_port(realm), Purpose.TOKENS), seen_at
    for origin in row["blob_origins"].split():
        # A probe that fails leaves what an earlier one has found.
        yield Place(*host_and_port(origin), Purpose.STORAGE), None if row["has_failed"] else row["seen_at"]


def host_and_port(url: str) -> tuple[str, int]:
    """Those of an address; "" where a registry has named something else."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, HTTPS_PORT)
    except ValueError:
        return "", HTTPS_PORT

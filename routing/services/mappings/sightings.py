"""Since when hosts are contacted for a hostname: written down as probes see them, and told where one is new.

What is known of a hostname when the first of its probes ends is where its history begins: nobody is told of that.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from routing.models import ContactSighting, Hostname, Registry
from routing.models import Mapping as MappingRow
from routing.services.base.actor import Actor
from routing.services.base.events import announce
from routing.services.mappings.contacts import Place, Purpose, alike, host_and_port, places_of

#: So many of a hostname are kept, those seen last.
MOST = 200
_BATCH = 500
# Many hostnames may use one registry.
_REFRESHED = timedelta(days=1)
# An event names so many hostnames.
_NAMED = 50
# RFC 1035 §2.3.4.
_LONGEST_NAME = 253
_PROGRAM = Actor.program("probe")

T = TypeVar("T")


def hear(event: str, facts: Mapping[str, Any]) -> None:
    """Write down what a probe has just seen."""
    if event == "mapping.probed":
        _note_mapping(facts["mapping_id"])
    elif event == "registry.probed" and not facts["failed"]:
        _note_registry(facts["registry_id"])


def _note_mapping(mapping_id: int) -> None:
    mapping = MappingRow.objects.filter(pk=mapping_id, enabled=True)
    hostname_ids = list(mapping.values_list("hostname_id", flat=True))
    seen = {place for row in alike(mapping) for place, seen_at in places_of(row) if seen_at is not None}
    if hostname_ids:
        _note(hostname_ids, {place for place in seen if _is_name(place.host)})


def _note_registry(registry_id: int) -> None:
    """What every hostname contacts from which clients are sent to it."""
    registry = Registry.objects.filter(pk=registry_id).first()
    if registry is None:
        return
    known = ((registry.origin, Purpose.REGISTRY), (registry.realm, Purpose.TOKENS))
    places = {Place(*host_and_port(url), purpose) for url, purpose in known}
    mappings = MappingRow.objects.filter(registry=registry, enabled=True, account_user="")
    hostname_ids = mappings.order_by("hostname_id").values_list("hostname_id", flat=True).distinct()
    for some in _pieces(list(hostname_ids), _BATCH):
        _note(some, {place for place in places if _is_name(place.host)}, _REFRESHED)


def _note(hostname_ids: Sequence[int], seen: Collection[Place], refreshed: timedelta = timedelta(0)) -> None:
    now = timezone.now()
    with transaction.atomic():
        _begin(hostname_ids)
        rows = {place: ContactSighting.objects.filter(hostname__in=hostname_ids, **place._asdict()) for place in seen}
        for place in seen:
            rows[place].filter(last_seen_at__lt=now - refreshed).update(last_seen_at=now)
        for place in seen:
            if set(hostname_ids) - set(rows[place].values_list("hostname_id", flat=True)):
                _add(hostname_ids, place, rows[place])


def _add(hostname_ids: Sequence[int], place: Place, rows: "QuerySet[ContactSighting]") -> None:
    # Another probe may be about to write the same.
    hostnames = list(Hostname.objects.select_for_update(no_key=True).filter(pk__in=hostname_ids).order_by("pk"))
    known = set(rows.values_list("hostname_id", flat=True))
    new = [hostname for hostname in hostnames if hostname.pk not in known]
    _write((hostname.pk, place) for hostname in new)
    _tell(new, place)


def _begin(hostname_ids: Sequence[int]) -> None:
    """Of hostnames without a history, write down what is known."""
    begun = ContactSighting.objects.filter(hostname__in=hostname_ids).values_list("hostname_id", flat=True)
    fresh = set(hostname_ids) - set(begun.order_by().distinct())
    if fresh:
        rows = alike(MappingRow.objects.filter(hostname__in=fresh, enabled=True), "hostname_id")
        _write(
            {(row["hostname_id"], place): None for row in rows for place, _ in places_of(row) if _is_name(place.host)}
        )


def _write(places: Iterable[tuple[int, Place]]) -> None:
    now = timezone.now()
    rows = [
        ContactSighting(hostname_id=hostname_id, first_seen_at=now, last_seen_at=now, **place._asdict())
        for hostname_id, place in places
    ]
    ContactSighting.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
    counts = ContactSighting.objects.filter(hostname__in={row.hostname_id for row in rows}).order_by()
    too_many = counts.values("hostname_id").annotate(number=Count("pk")).filter(number__gt=MOST)
    for hostname_id in list(too_many.values_list("hostname_id", flat=True)):
        rows_of = ContactSighting.objects.filter(hostname=hostname_id).order_by("-last_seen_at", "-pk")
        ContactSighting.objects.filter(pk__in=list(rows_of.values_list("pk", flat=True)[MOST:])).delete()


def _tell(hostnames: Sequence[Hostname], place: Place) -> None:
    facts: dict[str, Any] = {"host": place.host, "port": place.port, "purpose": place.purpose.value}
    in_order = sorted(hostnames, key=lambda hostname: (hostname.tenant_id, hostname.pk))
    for tenant_id, group in groupby(in_order, key=lambda hostname: hostname.tenant_id):
        for some in _pieces(list(group), _NAMED):
            told = {"hostname_ids": [each.pk for each in some], "hostnames": [each.name for each in some], **facts}
            announce(_PROGRAM, "hostname.contact_appeared", tenant_id=tenant_id, **told)


def _is_name(host: str) -> bool:
    """Whether it can be one of a host: registries say what they like."""
    return 0 < len(host) <= _LONGEST_NAME and host.isascii() and host.isprintable()


def _pieces(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))

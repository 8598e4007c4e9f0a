"""Probes that nobody waits for: after a save, on demand for several, and regularly."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from routing.jobs.kinds import background_places
from routing.jobs.queue import enqueue
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of, spend_check
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_rows
from routing.services.registries.probes import PROBE_MAPPING, PROBE_REGISTRY

# So many times as many as can be asked at once are put in the queue in one round; the next round goes on.
_ROUND = 10


def probe_soon(mapping: Mapping) -> None:
    """Have a mapping that was saved, and its registry, probed, where the deployment wants that."""
    if settings.FACADE_PROBE_ON_SAVE:
        enqueue(PROBE_MAPPING, str(mapping.pk), share_of(mapping.hostname.tenant))


def probe_registry_soon(registry: Registry) -> None:
    """As `probe_soon`, for a registry that was saved."""
    if settings.FACADE_PROBE_ON_SAVE:
        _enqueue([registry])


def request_probes(actor: Actor, *, registry_ids: Collection[int]) -> list[Registry]:
    """Have registries asked soon, all or none. Raises NotFound, PermissionDenied, TooManyRequests."""
    # In one order, whoever does it: two who wait for each other would both fail.
    registries = get_rows(Registry.objects.viewable_by(actor).with_names().order_by("pk"), registry_ids)
    for registry in registries:
        check_permission(actor, Permission.CHANGE_REGISTRIES, registry.tenant)
    for registry in registries:
        spend_check(actor, registry.tenant)
    _enqueue(registries)
    return registries


def probe_stale(older_than_seconds: float) -> None:
    """Have the registries in use asked whose last probe is older than so many seconds, the oldest first."""
    limit = timezone.now() - timedelta(seconds=older_than_seconds)
    stale = Registry.objects.filter(Q(probed_at=None) | Q(probed_at__lt=limit), mappings__isnull=False).distinct()
    oldest_first = stale.order_by(F("probed_at").asc(nulls_first=True), "pk").with_names()
    _enqueue(oldest_first[: _ROUND * background_places().total])


def probe_contacts(older_than_seconds: float) -> None:
    """Have one repository of each registry in use asked, the one asked longest ago: where its layers lie now.

    One alone, for its manifest counts as a pull. Those asked within so many seconds wait.
    """
    limit = timezone.now() - timedelta(seconds=older_than_seconds)
    stale = Mapping.objects.filter(enabled=True, probed_at__lt=limit).exclude(probed_repository="")
    oldest = stale.filter(registry=OuterRef("pk")).order_by("probed_at", "pk").values("pk")[:1]
    chosen = Registry.objects.annotate(oldest=Subquery(oldest)).exclude(oldest=None).values("oldest")
    mappings = Mapping.objects.filter(pk__in=chosen).order_by("probed_at", "pk").with_names()
    for mapping in mappings[: _ROUND**2 * background_places().total]:
        enqueue(PROBE_MAPPING, str(mapping.pk), share_of(mapping.hostname.tenant))


def _enqueue(registries: Iterable[Registry]) -> None:
    for registry in registries:
        enqueue(PROBE_REGISTRY, str(registry.pk), share_of(registry.tenant))

"""What a hostname, or a tenant's hostnames, pointed to at some time: from the history."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Max, Min

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.models.registry import target_at
from routing.models.versioned import viewable
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError


class Stood(NamedTuple):
    """A mapping as it was then. `number`: the entry of its history that made it so, by whom and when.

    `state` says whether its clients were let in: enabled, disabled, or what its hostname was.
    """

    mapping_id: int
    hostname: str
    prefix: str
    target: str
    state: str
    private: bool
    allow_push: bool
    delivery: str
    number: int
    since: datetime
    actor: str

    @property
    def source(self) -> str:
        """What people pulled from."""
        return f"{self.hostname}/{self.prefix}" if self.prefix else self.hostname


def get_mappings_at(
    actor: Actor, at: datetime, *, hostname: str | None = None, tenant: str | None = None
) -> list[Stood]:
    """The mappings as they were at that time, by hostname and prefix: of a hostname, or of a tenant by its slug.

    Raises NotFound where the actor sees no such hostname or tenant in the history, and ServiceError for a time to which
    the history does not reach back.
    """
    owned = _hostnames_at(actor, at, hostname, tenant)
    past = Mapping.history.filter(hostname_id__in=owned)
    _check_reach(past, at)
    rows = _last_of_each(Mapping, past.filter(history_date__lte=at))
    registries = _as_they_were(Registry, {row.registry_id for row in rows}, at)
    stood = [_stood(row, owned[row.hostname_id], registries) for row in rows]
    return sorted(stood, key=lambda each: (each.hostname, each.prefix))


def _hostnames_at(actor: Actor, at: datetime, name: str | None, slug: str | None) -> dict[int, Any]:
    """The hostnames that are asked for, as they were then, where they were the actor's to see. Raises NotFound."""
    rows: Any = Hostname.history.all()
    if name is not None:
        rows = rows.filter(name=name)
        if not viewable(rows, actor).exists():
            raise NotFound(f"there was never a hostname {name}, as far as the history goes back")
    tenant_ids = None if actor.is_operator else set(actor.tenant_ids())
    if slug is not None:
        found = Tenant.objects.viewable_by(actor).filter(slug=slug).first()
        if found is None:
            raise NotFound(f"there is no tenant {slug}, or it isn't yours")
        rows, tenant_ids = rows.filter(tenant_id=found.pk), {found.pk}
    then = _as_they_were(Hostname, set(rows.order_by().values_list("id", flat=True)), at)
    return {pk: row for pk, row in then.items() if tenant_ids is None or row.tenant_id in tenant_ids}


def _stood(row: Any, hostname: Any, registries: dict[int, Any]) -> Stood:
    registry = registries.get(row.registry_id)
    authority = (
        f"#{row.registry_id}" if registry is None else registry.alias or registry.origin.removeprefix("https://")
    )
    return Stood(
        mapping_id=row.id,
        hostname=hostname.name,
        prefix=row.prefix,
        target=target_at(authority, row.upstream_prefix),
        state=_state(row, hostname),
        private=row.private,
        allow_push=row.allow_push,
        delivery=row.delivery,
        number=row.history_id,
        since=row.history_date,
        # Of whoever had the hostname before, nobody is told.
        actor=row.actor if row.actor and row.of_tenant in (None, hostname.tenant_id) else "unknown",
    )


def _state(row: Any, hostname: Any) -> str:
    if hostname.suspended:
        return "hostname suspended"
    if hostname.withdrawn_at is not None:
        return "hostname withdrawn"
    if not hostname.enabled:
        return "hostname disabled"
    return "enabled" if row.enabled else "disabled"


def _last_of_each(model: Any, past: Any) -> list[Any]:
    """The newest of these past rows of each id, but of what was removed by then."""
    newest = past.order_by().values("id").annotate(newest=Max("history_id")).values("newest")
    return list(model.history.filter(history_id__in=newest).exclude(history_type="-"))


def _as_they_were(model: Any, ids: Collection[int], at: datetime) -> dict[int, Any]:
    """What mappings of then refer to: as it was then; as it is, of what came with the facade and has no past."""
    then = {row.id: row for row in _last_of_each(model, model.history.filter(id__in=ids, history_date__lte=at))}
    return {row.pk: row for row in model.objects.filter(pk__in=set(ids) - then.keys())} | then


def _check_reach(past: Any, at: datetime) -> None:
    """Of each tenant so many entries are kept: what is older is not known, and must not look like nothing."""
    counted = past.order_by().values("of_tenant")
    for tenant_id in counted.distinct().values_list("of_tenant", flat=True):
        kept = Mapping.history.filter(of_tenant=tenant_id)
        if kept.count() < settings.FACADE_MAX_HISTORY_PER_TENANT:
            continue
        oldest = kept.aggregate(oldest=Min("history_date"))["oldest"]
        if oldest is not None and at < oldest:
            raise ServiceError.for_field("at", f"the history goes back to {oldest:%Y-%m-%d %H:%M} UTC")

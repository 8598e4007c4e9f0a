"""What is watched, when it is compared, and what becomes of what was found: docs/decisions/0106.

The regular work looks twice a minute what is to be watched and what is due. Each comparison is a job in its tenant's
share of the queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Q

from routing.core.table.former_target import parse_former
from routing.database.clock import database_now
from routing.jobs.kinds import WATCHES, Kind
from routing.jobs.queue import enqueue
from routing.models import Job, Mapping, Registry, Watch
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.mappings.state import state_of
from routing.services.registries.targets import check_origin
from routing.services.verifications.candidates import known_rests
from routing.services.watching.looking import LOOK_SECONDS, Drift, Look, baseline_of, counts_of, look
from routing.services.watching.pulled import pulled_below
from routing.verification.work import Side, Switch

PROGRAM = Actor.program("watch")
#: What did not look at everything is tried again sooner than the rest; in seconds.
_AGAIN_SECONDS = 300.0
_AT_ONCE = 500


class _Move(NamedTuple):
    """A mapping that led elsewhere until a moment ago."""

    mapping: Mapping
    registry_id: int
    upstream_prefix: str
    until: datetime


class _Found(NamedTuple):
    """What a comparison found, and of what: the mapping may lead elsewhere by now."""

    target: str
    look: Look


def watch_due() -> None:
    """One round: what is to be watched from now on, what no longer, and what is to be compared."""
    _begin_watches()
    _end_watches()
    _enqueue_due()


# ---------------------------------------------------------------- what is watched
def _begin_watches() -> None:
    """Whatever has moved a mapping left its former target there."""
    if not settings.FACADE_WATCH_SECONDS or not _moves():
        return
    with unit_of_work(PROGRAM, "") as unit:
        known = set(Registry.objects.values_list("pk", flat=True))
        for move in _moves()[:_AT_ONCE]:
            if move.registry_id not in known:
                continue
            unit.delete_all(Watch.objects.filter(mapping=move.mapping))
            unit.add(Watch(**move._asdict(), next_at=database_now()))


def _moves() -> list[_Move]:
    """Those that are not watched yet."""
    moved = Mapping.objects.exclude(former="").with_names().select_related("watch")
    return [move for mapping in moved if (move := _move_of(mapping)) is not None and not _is_watched(move)]


def _move_of(mapping: Mapping) -> _Move | None:
    former = parse_former(mapping.former)
    if former is None or not former.registry.isdecimal():
        return None
    moved_at = former.until - settings.FACADE_FORMER_TARGET_SECONDS
    until = moved_at + settings.FACADE_WATCH_SECONDS
    place = int(former.registry), former.upstream_prefix
    if until <= time.time() or place == (mapping.registry_id, mapping.upstream_prefix):
        return None
    return _Move(mapping, *place, datetime.fromtimestamp(until, UTC))


def _is_watched(move: _Move) -> bool:
    row = getattr(move.mapping, "watch", None)
    return row is not None and (row.registry_id, row.upstream_prefix) == (move.registry_id, move.upstream_prefix)


def _end_watches() -> None:
    """What is over; what leads there itself by now; and a registry that is another tenant's since."""
    back = Q(registry=F("mapping__registry"), upstream_prefix=F("mapping__upstream_prefix"))
    foreign = Q(registry__tenant__isnull=False) & ~Q(registry__tenant=F("mapping__hostname__tenant"))
    over = Watch.objects.filter(Q(until__lte=database_now()) | back | foreign)
    if not settings.FACADE_WATCH_SECONDS:
        over = Watch.objects.all()
    if over.exists():
        with unit_of_work(PROGRAM, "") as unit:
            unit.delete_all(over)


def _enqueue_due() -> None:
    """Have those compared that wait longest; what is off waits until it is on."""
    due = Watch.objects.with_names().filter(next_at__lte=database_now()).order_by("next_at", "pk")[:_AT_ONCE]
    rows = list(due)
    for row in rows:
        if state_of(row.mapping).is_on:
            enqueue(WATCH, str(row.pk), share_of(row.mapping.hostname.tenant))
    next_at = database_now() + timedelta(seconds=settings.FACADE_WATCH_EVERY_SECONDS)
    Watch.objects.filter(pk__in=[row.pk for row in rows]).update(next_at=next_at)


# ---------------------------------------------------------------- one comparison
def _begin(job: Job) -> Callable[[], _Found] | None:
    row = Watch.objects.with_names().filter(pk=int(job.key), until__gt=database_now()).first()
    if row is None or not state_of(row.mapping).is_on:
        return None
    mapping, baseline = row.mapping, baseline_of(row.baseline)
    target = mapping.target
    try:
        for registry in (row.registry, mapping.registry):
            check_origin(registry.origin)
    except ServiceError as refusal:
        told = refusal.message
        return lambda: _Found(target, Look(trouble=told))
    rests = tuple(dict.fromkeys([*known_rests(mapping), *pulled_below(mapping)]))
    switch = Switch(
        mapping.source,
        _side(row.registry, row.upstream_prefix),
        _side(mapping.registry, mapping.upstream_prefix),
        rests,
        mapping.is_repository,
    )
    return lambda: _Found(target, look(switch, baseline))


def _side(registry: Registry, upstream_prefix: str) -> Side:
    return Side(registry.origin, upstream_prefix, registry.table_entry().implicit_namespace)


def _settle(job: Job, found: _Found) -> None:
    with unit_of_work(PROGRAM, "") as unit:
        row = Watch.objects.with_names().filter(pk=int(job.key)).first()
        # Every writer stands in this unit's line, so it stays what it is.
        if row is not None and row.mapping.target == found.target:
            _take_in(unit, row, found.look)


def _take_in(unit: UnitOfWork, row: Watch, found: Look) -> None:
    now, every = database_now(), settings.FACADE_WATCH_EVERY_SECONDS
    wait = max(found.pause_seconds, min(_AGAIN_SECONDS, every)) if found.trouble else every
    facts: dict[str, object] = {"trouble": found.trouble[:500], "next_at": now + timedelta(seconds=wait)}
    if found.trouble and not found.drift:
        # What was known before stands.
        unit.save_without_history(row, **facts)
        return
    before, known = row.state, {Drift(*each).key for each in row.drift}
    drift = sorted(found.drift)
    if found.trouble:
        # What was not looked at may have drifted still.
        seen = {each.key for each in drift}
        drift = sorted([*drift, *(each for each in (Drift(*item) for item in row.drift) if each.key not in seen)])
    state = Watch.State.DRIFT if drift else Watch.State.SAME
    if not found.trouble and not row.baseline:
        facts["baseline"] = found.baseline._asdict()
    facts |= {"drift": drift, "counts": counts_of(drift), "compared": found.compared, "compared_at": now}
    facts |= {"state": state, "since": row.since if state == before else now}
    unit.save_without_history(row, **facts)
    if {each.key for each in drift} - known:
        _tell(unit, row, "mapping.drifted")
    elif before == Watch.State.DRIFT and state == Watch.State.SAME:
        _tell(unit, row, "mapping.drift_ended")


def _tell(unit: UnitOfWork, row: Watch, event: str) -> None:
    unit.event(
        event,
        mapping_id=row.mapping_id,
        hostname_id=row.mapping.hostname_id,
        tenant_id=row.owning_tenant_id,
        target=row.mapping.target,
        former_target=row.target,
        drift=row.counts,
    )


#: A comparison holds its place for as long as it may ask.
WATCH = Kind("watch", WATCHES, lambda: LOOK_SECONDS, _begin, _settle, attempts=2)

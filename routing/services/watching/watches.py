"""What is watched, when it is compared, and what becomes of what was found: docs/decisions/0106, and 0111 of standbys.

The regular work looks twice a minute what is to be watched and what is due. Each comparison is a job in its tenant's
share of the queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Q, QuerySet

from routing.core.table.former_target import parse_former
from routing.database.clock import database_now
from routing.jobs.kinds import WATCHES, Kind
from routing.jobs.queue import enqueue
from routing.models import Job, Mapping, Registry, RegistryHealth, Watch
from routing.models.mapping import Destination
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.mappings.state import state_of
from routing.services.registries.targets import check_origin
from routing.services.verifications.candidates import known_rests
from routing.services.watching.looking import (
    LOOK_SECONDS,
    Drift,
    Look,
    baseline_of,
    counts_of,
    look,
    look_at_standby,
)
from routing.services.watching.pulled import pulled_below
from routing.services.watching.standbys import begin_standby_watches, end_standby_watches
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
    """What a comparison found, and of what target: the mapping may lead elsewhere by now."""

    target: str
    look: Look


def watch_due() -> None:
    """One round: what is to be watched from now on, what no longer, and what is to be compared."""
    _begin_watches()
    _end_watches()
    end_standby_watches()
    begin_standby_watches()
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
            unit.delete_all(_former_watches().filter(mapping=move.mapping))
            unit.add(Watch(**move._asdict(), next_at=database_now()))


def _moves() -> list[_Move]:
    """Those that are not watched yet."""
    moved = list(Mapping.objects.exclude(former="").with_names())
    watched = set(_former_watches().filter(mapping__in=moved).values_list("mapping", "registry", "upstream_prefix"))
    moves = [move for mapping in moved if (move := _move_of(mapping)) is not None]
    return [move for move in moves if (move.mapping.pk, move.registry_id, move.upstream_prefix) not in watched]


def _former_watches() -> QuerySet[Watch]:
    return Watch.objects.filter(kind=Watch.Kind.FORMER)


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


def _end_watches() -> None:
    """What is over; what leads there itself by now; and a registry that is another tenant's since."""
    back = Q(registry=F("mapping__registry"), upstream_prefix=F("mapping__upstream_prefix"))
    foreign = Q(registry__tenant__isnull=False) & ~Q(registry__tenant=F("mapping__hostname__tenant"))
    over = _former_watches().filter(Q(until__lte=database_now()) | back | foreign)
    if not settings.FACADE_WATCH_SECONDS:
        over = _former_watches()
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
    row = Watch.objects.with_names().filter(Q(until=None) | Q(until__gt=database_now()), pk=int(job.key)).first()
    if row is None or not state_of(row.mapping).is_on:
        return None
    target, baseline = row.compared_target, baseline_of(row.baseline)
    trouble = _why_not(row)
    if trouble:
        return lambda: _Found(target, Look(trouble=trouble))
    switch = _switch_of(row)
    if row.is_of_standby:
        known = _known(row)
        return lambda: _Found(target, look_at_standby(switch, baseline, known))
    return lambda: _Found(target, look(switch, baseline))


def _why_not(row: Watch) -> str:
    """Why nothing is asked for; "" where it is."""
    registries = row.registry, _other_side(row).registry
    try:
        for registry in registries:
            check_origin(registry.origin)
    except ServiceError as refusal:
        return refusal.message
    # What does not answer has not lost its images.
    silent = RegistryHealth.objects.with_names().filter(registry__in=registries, failures__gt=0).first()
    return "" if silent is None else f"{silent.registry} does not answer ({silent.trouble})"


def _switch_of(row: Watch) -> Switch:
    mapping, other = row.mapping, _other_side(row)
    rests = tuple(dict.fromkeys([*known_rests(mapping), *pulled_below(mapping)]))
    sides = _side(row.registry, row.upstream_prefix), _side(*other)
    # What the one has is looked for at the other: what the former target has, and what a standby is to stand for.
    old, new = reversed(sides) if row.is_of_standby else sides
    return Switch(mapping.source, old, new, rests, mapping.is_repository)


def _other_side(row: Watch) -> Destination:
    return row.mapping.home if row.is_of_standby else row.mapping.destination


def _side(registry: Registry, upstream_prefix: str) -> Side:
    return Side(registry.origin, upstream_prefix, registry.table_entry().implicit_namespace)


def _settle(job: Job, found: _Found) -> None:
    with unit_of_work(PROGRAM, "") as unit:
        row = Watch.objects.with_names().filter(pk=int(job.key)).first()
        # Every writer stands in this unit's line, so it stays what it is.
        if row is not None and row.compared_target == found.target:
            _take_in(unit, row, found.look)


def _take_in(unit: UnitOfWork, row: Watch, found: Look) -> None:
    now = database_now()
    facts: dict[str, object] = {"trouble": found.trouble[:500]}
    if found.trouble and not found.drift:
        # What was known before stands.
        unit.save_without_history(row, **facts, next_at=now + _wait(row, found, has_drift=bool(row.drift)))
        return
    before, known = row.state, {each.key for each in _known(row)}
    drift = sorted(found.drift)
    if found.trouble:
        # What was not looked at may have drifted still.
        seen = {each.key for each in drift}
        drift = sorted([*drift, *(each for each in _known(row) if each.key not in seen)])
    state = Watch.State.DRIFT if drift else Watch.State.SAME
    if not found.trouble and (row.is_of_standby or not row.baseline):
        facts["baseline"] = found.baseline._asdict()
    facts |= {"drift": drift, "counts": counts_of(drift), "compared": found.compared, "compared_at": now}
    facts |= {"state": state, "since": row.since if state == before else now}
    unit.save_without_history(row, **facts, next_at=now + _wait(row, found, has_drift=bool(drift)))
    if {each.key for each in drift} - known:
        _tell(unit, row, "mapping.drifted")
    elif before == Watch.State.DRIFT and state == Watch.State.SAME:
        _tell(unit, row, "mapping.drift_ended")


def _known(row: Watch) -> list[Drift]:
    return [Drift(*each) for each in row.drift]


def _wait(row: Watch, found: Look, *, has_drift: bool) -> timedelta:
    """How long until the next comparison. One of a standby never ends, so it comes less often; drift and trouble are
    looked at again sooner.
    """
    often = settings.FACADE_WATCH_EVERY_SECONDS
    every, again = often, min(_AGAIN_SECONDS, often)
    if row.is_of_standby:
        seldom = settings.FACADE_STANDBY_COMPARE_SECONDS
        again = min(often, seldom)
        every = again if has_drift else seldom
    return timedelta(seconds=max(found.pause_seconds, again) if found.trouble else every)


def _tell(unit: UnitOfWork, row: Watch, event: str) -> None:
    unit.event(
        event,
        mapping_id=row.mapping_id,
        hostname_id=row.mapping.hostname_id,
        tenant_id=row.owning_tenant_id,
        target=row.compared_target,
        **{"standby" if row.is_of_standby else "former_target": row.target},
        drift=row.counts,
    )


#: A comparison holds its place for as long as it may ask.
WATCH = Kind("watch", WATCHES, lambda: LOOK_SECONDS, _begin, _settle, attempts=2)

"""Asks the registries of mappings that have a standby whether they answer, and leads the mappings by that.

The regular work looks every few seconds which are due. Each question is a job, so that of several servers one asks.
What it found is counted in the writers' line, once, and all mappings that it is about are led in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q

from routing.conf import client_limits, guard_policy
from routing.database.clock import database_now
from routing.jobs.kinds import STANDBYS, Kind
from routing.jobs.queue import enqueue
from routing.models import Job, Mapping, RegistryHealth
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.registries.redirects import peek_following
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.mappings.rules import taken_credentials
from routing.services.mappings.state import state_of
from routing.services.registries.answers import note_answer
from routing.services.standbys.signs import FailedPulls
from routing.services.standbys.standbys import fail_over, lead_back

logger = logging.getLogger(__name__)
PROGRAM = Actor.program("standby")
#: One question ends after so long: who pulls would not wait longer either.
ASK_SECONDS = 5.0
#: By these a registry says that it is there: open, or asking for a token, or busy with others.
_ANSWERS = frozenset({200, 401, 403, 429})
_failed_pulls = FailedPulls()
_NAMES = ("hostname__tenant", "registry", "standby_registry")


class _Answer(NamedTuple):
    """`version`: of the row when it was asked. `trouble`: why it does not answer, in words; "" where it does.

    `seconds`: how long that took.
    """

    version: int
    trouble: str
    seconds: float


def ask_due() -> None:
    """One round: who is to be asked from now on, who no longer, and who is due, or behind pulls that fail."""
    _keep_rows()
    now = database_now()
    # A sign is no failure. It has the first question come sooner; those after it come as ever.
    sooner = Q(registry__in=_failed_pulls.registries_with_more(now), failures=0)
    due = list(RegistryHealth.objects.with_names().filter(Q(next_at__lte=now) | sooner).order_by("next_at", "pk"))
    for row in due:
        enqueue(ASK, str(row.pk), share_of(row.registry.tenant))
    next_at = now + timedelta(seconds=settings.FACADE_STANDBY_PROBE_SECONDS)
    RegistryHealth.objects.filter(pk__in=[row.pk for row in due]).update(next_at=next_at)


def _keep_rows() -> None:
    if _wanted() == _known():
        return
    with unit_of_work(PROGRAM, "") as unit:
        # Once more, in the line: another may have been here, and a registry gone.
        wanted = _wanted()
        unit.delete_all(RegistryHealth.objects.exclude(registry__in=wanted))
        for pk in sorted(wanted - _known()):
            unit.add(RegistryHealth(registry_id=pk, next_at=database_now()))


def _wanted() -> set[int]:
    with_standby = Mapping.objects.exclude(standby_registry=None).order_by()
    return {pk for both in with_standby.values_list("registry", "standby_registry").distinct() for pk in both}


def _known() -> set[int]:
    return set(RegistryHealth.objects.values_list("registry", flat=True))


# ---------------------------------------------------------------- one question
def _begin(job: Job) -> Callable[[], _Answer] | None:
    row = RegistryHealth.objects.with_names().filter(pk=int(job.key)).first()
    if row is None:
        return None
    version, origin = row.version, row.registry.origin
    return lambda: _Answer(version, *asyncio.run(_timed(origin)))


async def _timed(origin: str) -> tuple[str, float]:
    started = time.monotonic()
    return await _ask(origin), time.monotonic() - started


async def _ask(origin: str) -> str:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                status = (await peek_following(client, "GET", f"{origin}/v2/")).status
        except TimeoutError:
            return f"no answer within {ASK_SECONDS:.0f} s"
        except RegistryError as error:
            return str(error)
    return "" if status in _ANSWERS else f"status {status}"


def _settle(job: Job, answer: _Answer) -> None:
    with unit_of_work(PROGRAM, "") as unit:
        row = RegistryHealth.objects.with_names().filter(pk=int(job.key), version=answer.version).first()
        # Whoever has settled another answer meanwhile has counted.
        if row is None:
            return
        now = database_now()
        if answer.trouble:
            facts: dict[str, Any] = {"failures": row.failures + 1, "answering_since": None}
        else:
            facts = {"failures": 0, "answering_since": row.answering_since or now}
        unit.save_without_history(row, **facts, trouble=answer.trouble[:500], asked_at=now)
        note_answer(row.registry_id, now, answer.seconds, answer.trouble)
    if row.failures >= settings.FACADE_STANDBY_FAILURES:
        _fail_over_from(row, now)
    elif not row.failures:
        _lead_back_to(row, now)


def _fail_over_from(row: RegistryHealth, now: datetime) -> None:
    waiting = Mapping.objects.filter(registry=row.registry_id, failed_over_at=None).exclude(standby_registry=None)
    if not waiting.exists():
        return
    reason = f"failed over: {row.registry} did not answer {row.failures} times in a row ({row.trouble})"
    recent = now - timedelta(seconds=3 * settings.FACADE_STANDBY_PROBE_SECONDS + ASK_SECONDS)
    with unit_of_work(PROGRAM, reason) as unit:
        # Nobody is led from one that is silent to another one.
        ready = set(
            RegistryHealth.objects.filter(failures=0, answering_since__isnull=False, asked_at__gte=recent).values_list(
                "registry", flat=True
            )
        )
        for mapping in waiting.select_related(*_NAMES).select_for_update(of=("self",), no_key=True):
            if mapping.standby_registry_id in ready and _may_be_led(mapping):
                _try(fail_over, unit, mapping)


def _lead_back_to(row: RegistryHealth, now: datetime) -> None:
    away = Mapping.objects.filter(standby_registry=row.registry_id, standby_return_seconds__gt=0)
    away = away.exclude(failed_over_at=None)
    if not any(_has_been_quiet(row, mapping, now) for mapping in away):
        return
    with unit_of_work(PROGRAM, f"led back: {row.registry} answers again") as unit:
        for mapping in away.select_related(*_NAMES).select_for_update(of=("self",), no_key=True):
            if _has_been_quiet(row, mapping, now) and _may_be_led(mapping):
                _try(lead_back, unit, mapping)


def _try(lead: Callable[[UnitOfWork, Mapping], object], unit: UnitOfWork, mapping: Mapping) -> None:
    """What a rule forbids by now, such as a registry that is no longer allowed, keeps nobody else from being led."""
    try:
        lead(unit, mapping)
    except ServiceError as refusal:
        logger.warning("a mapping stays where it is", extra={"mapping": mapping.pk, "why": refusal.message})


def _has_been_quiet(row: RegistryHealth, mapping: Mapping, now: datetime) -> bool:
    return row.answers_since(now - timedelta(seconds=mapping.standby_return_seconds))


def _may_be_led(mapping: Mapping) -> bool:
    """What a probe found since its standby was named may forbid it; and nobody needs it where it is off."""
    return state_of(mapping).is_on and not taken_credentials(mapping)


ASK = Kind("ask_whether_it_answers", STANDBYS, lambda: ASK_SECONDS, _begin, _settle, attempts=2, margin_seconds=10.0)

"""Writes down how registries answer the facade's own questions: probes, and those that standbys are led by.

Called within the unit of work that settles a question, so that one at a time adds to the counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from routing.core.pull_counts import Grain, start_of
from routing.models import AnswerCount, Registry, RegistryLimit
from routing.registries.rate_limits import SeenLimit
from routing.services.base.unit_of_work import UnitOfWork

#: Those by hour; those by day are kept for FACADE_STATISTICS_DAYS.
HOURS_KEPT_DAYS = 7
_MOST_TROUBLE = 300
_PIECE = 1000


def note_answer(registry_id: int, at: datetime, seconds: float, trouble: str) -> None:
    """Count that it was asked at `at`: it took so long to answer, or `trouble` says what was wrong."""
    if not settings.FACADE_STATISTICS_DAYS:
        return
    took, troubled = 0 if trouble else round(seconds * 1000), int(bool(trouble))
    for grain in Grain:
        place: dict[str, Any] = {"registry_id": registry_id, "grain": grain, "at": start_of(grain, at)}
        added = {
            "asked": F("asked") + 1,
            "troubled": F("troubled") + troubled,
            "milliseconds": F("milliseconds") + took,
            "slowest": Greatest(F("slowest"), took),
        }
        said = {"trouble": trouble[:_MOST_TROUBLE]} if trouble else {}
        if not AnswerCount.objects.filter(**place).update(**added, **said):
            numbers = {"asked": 1, "troubled": troubled, "milliseconds": took, "slowest": took}
            _, is_new = AnswerCount.objects.get_or_create(**place, defaults=numbers | said)
            if not is_new:
                # Somebody else's question of the same hour came between.
                AnswerCount.objects.filter(**place).update(**added, **said)


def note_limit(registry_id: int, at: datetime, seen: SeenLimit | None) -> None:
    """Keep what it said of limits, in place of what it said before."""
    if seen is None:
        return
    said: dict[str, Any] = {}
    if seen.left is not None:
        said |= {"left": seen.left, "number": seen.number, "seconds": seen.seconds, "seen_at": at}
    if seen.is_refused:
        said |= {"refused_at": at, "wait_seconds": seen.wait_seconds}
    RegistryLimit.objects.update_or_create(registry_id=registry_id, defaults=said)


def forget_answers(unit: UnitOfWork, registry: Registry) -> None:
    """What was counted of a registry says nothing of the address that it has from now on."""
    unit.delete_all(AnswerCount.objects.filter(registry=registry))
    unit.delete_all(RegistryLimit.objects.filter(registry=registry))


def forget_old_answers() -> int:
    """Throw away what is older than what is kept; how many rows it was. Raises django.db.DatabaseError."""
    now, days = timezone.now(), settings.FACADE_STATISTICS_DAYS
    if not days:
        return _forget_before(Grain.HOUR, now) + _forget_before(Grain.DAY, now)
    hours = timedelta(days=min(days, HOURS_KEPT_DAYS))
    return _forget_before(Grain.HOUR, start_of(Grain.HOUR, now) - hours) + _forget_before(
        Grain.DAY, start_of(Grain.DAY, now) - timedelta(days=days)
    )


def _forget_before(grain: Grain, moment: datetime) -> int:
    removed = 0
    old = AnswerCount.objects.filter(grain=grain, at__lt=moment).order_by("pk")
    # In pieces, so that no writer waits for long.
    while pks := list(old.values_list("pk", flat=True)[:_PIECE]):
        removed += AnswerCount.objects.filter(pk__in=pks).delete()[0]
    return removed

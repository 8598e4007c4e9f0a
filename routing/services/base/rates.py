"""How often somebody may do something: counted in the database, for all workers and servers together."""

import math
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Q, QuerySet

from routing.database.clock import CLOCK_ERROR, database_now
from routing.models import Rate
from routing.services.base.actor import Actor
from routing.services.base.errors import TooManyRequests

_KEPT_DAYS = 2


class Limit(NamedTuple):
    """So many in so many seconds. `what`: the same in words, such as “checks”."""

    most: int
    seconds: int
    what: str


def spend(name: str, limit: Limit) -> None:
    """Count one more under that name. Raises TooManyRequests where that is over the limit.

    Within a transaction that is rolled back, nothing is counted.
    """
    now, span = database_now(), timedelta(seconds=limit.seconds)
    # One that begins later than that was begun while the clock was ahead.
    within = Rate.objects.filter(name=name, began_at__gt=now - span, began_at__lte=now + CLOCK_ERROR)
    if _count(within, limit):
        return
    began_at = within.values_list("began_at", flat=True).first()
    if began_at is None:
        Rate.objects.bulk_create([Rate(name=name, began_at=now, spent=0)], ignore_conflicts=True)
        over = Q(began_at__lte=now - span) | Q(began_at__gt=now + CLOCK_ERROR)
        Rate.objects.filter(over, name=name).update(began_at=now, spent=0)
        if _count(within, limit):
            return
        began_at = now
    left = math.ceil((began_at - now).total_seconds() + limit.seconds)
    raise TooManyRequests(
        f"too many {limit.what}: {limit.most} in {_time(limit.seconds)} at most. Try again in {_time(left)}", left
    )


def spend_change(actor: Actor) -> None:
    """Count a change that a person makes. Programs, commands and the platform's operators change what they want."""
    if actor.user is not None and not actor.is_operator:
        limit = Limit(settings.FACADE_MAX_CHANGES_PER_MINUTE, 60, "changes")
        spend(f"changes of user {actor.user.pk}", limit)


def sweep() -> None:
    """Throw away what counts no more."""
    Rate.objects.filter(began_at__lt=database_now() - timedelta(days=_KEPT_DAYS)).delete()


def _count(rates: "QuerySet[Rate]", limit: Limit) -> bool:
    return bool(rates.filter(spent__lt=limit.most).update(spent=F("spent") + 1))


def _time(seconds: int) -> str:
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = math.ceil(seconds / length)
            return f"{count} {unit}s" if count > 1 else f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"{max(seconds, 1)} s"

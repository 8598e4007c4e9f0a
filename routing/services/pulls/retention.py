"""How long numbers of pulls are kept."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from routing.core.pull_counts import Grain, start_of
from routing.models.pull_count import forget_before

#: Those by hour; those by day are kept for FACADE_STATISTICS_DAYS.
HOURS_KEPT_DAYS = 7


def forget_old_counts() -> int:
    """Throw away what is older than that; how many rows it was. Raises django.db.DatabaseError."""
    now, days = timezone.now(), settings.FACADE_STATISTICS_DAYS
    if not days:
        return forget_before(Grain.HOUR, now) + forget_before(Grain.DAY, now)
    hours = min(days, HOURS_KEPT_DAYS)
    return forget_before(Grain.HOUR, now - timedelta(days=hours)) + forget_before(
        Grain.DAY, start_of(Grain.DAY, now) - timedelta(days=days)
    )

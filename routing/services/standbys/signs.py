"""What workers have counted of pulls that failed: a registry behind them is asked sooner, and that is all it says.

Workers write their counts every few seconds anyway. Where nothing is counted (`FACADE_STATISTICS_DAYS` is 0) there is
no sign, and every registry is asked as often as ever.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.db.models import Sum

from routing.core.pull_counts import Grain, start_of
from routing.models import Mapping, PullCount

#: Mappings whose pulls fail, of which so many are looked at: where more do, their registries are among them.
_MOST = 500


class FailedPulls:
    """How many had failed at the last look, by registry. Of this process: at its first look nothing is new."""

    def __init__(self) -> None:
        self._hour: datetime | None = None
        self._counts: Counter[int] = Counter()

    def registries_with_more(self, now: datetime) -> set[int]:
        """Keys of registries that mappings with a standby lead to, where more have failed since the last look."""
        hour = start_of(Grain.HOUR, now)
        counts = _count(hour)
        is_first = self._hour is None
        before = self._counts if hour == self._hour else Counter[int]()
        self._hour, self._counts = hour, counts
        return set() if is_first else {pk for pk, number in counts.items() if number > before[pk]}


def _count(hour: datetime) -> Counter[int]:
    failed = PullCount.objects.filter(grain=Grain.HOUR, at=hour, failed__gt=0).order_by()
    of_mappings = failed.values_list("hostname", "mapping").annotate(number=Sum("failed")).order_by("-number")[:_MOST]
    numbers = {(hostname, prefix): number for hostname, prefix, number in of_mappings}
    if not numbers:
        return Counter()
    standing = Mapping.objects.exclude(standby_registry=None).order_by()
    standing = standing.filter(hostname__name__in={hostname for hostname, _ in numbers})
    counts: Counter[int] = Counter()
    for hostname, prefix, registry in standing.values_list("hostname__name", "prefix", "registry"):
        counts[registry] += numbers.get((hostname, prefix), 0)
    return counts

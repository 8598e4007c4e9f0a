"""Which repositories of a mapping clients asked for lately: many registries list none."""

from datetime import timedelta

from django.utils import timezone

from routing.core.pull_counts import Grain
from routing.models import Mapping, PullCount
from routing.models.pull_count import sum_of_pulls

_DAYS, _MOST = 30, 20


def pulled_below(mapping: Mapping) -> list[str]:
    """What stands below the mapping's prefix in their names, most pulled first; "" for the prefix itself."""
    counts = PullCount.objects.filter(
        grain=Grain.DAY,
        hostname=mapping.hostname.name,
        mapping=mapping.prefix,
        tenant=mapping.hostname.tenant_id,
        at__gte=timezone.now() - timedelta(days=_DAYS),
    )
    named = counts.exclude(repository="").order_by().values("repository").annotate(pulls=sum_of_pulls())
    names = named.order_by("-pulls", "repository").values_list("repository", flat=True)[:_MOST]
    start = f"{mapping.prefix}/" if mapping.prefix else ""
    return [name.removeprefix(start) if name != mapping.prefix else "" for name in names]

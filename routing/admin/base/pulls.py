"""Pulls on the admin's pages: the panel that each noun's page has, with the address of the page that tells more."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from routing.admin.base import permissions
from routing.admin.base.chart import Chart, chart_of
from routing.services.pulls.reading import Scope, Span, over_time, pulls_of

#: By what stands in addresses: since when, in words.
PERIODS = {
    "24h": (timedelta(hours=24), "24 hours"),
    "7d": (timedelta(days=7), "7 days"),
    "30d": (timedelta(days=30), "30 days"),
    "365d": (timedelta(days=365), "12 months"),
}
DEFAULT_PERIOD = "30d"


class PullsPanel(NamedTuple):
    """What a panel shows."""

    chart: Chart
    period: str
    url: str


def pulls_url(scope: Scope, period: str = DEFAULT_PERIOD, **more: str) -> str:
    """The page that tells of a scope."""
    given = {name: value for name, value in vars(scope).items() if value is not None}
    if period != DEFAULT_PERIOD:
        given["since"] = period
    query = urlencode({**given, **more})
    return reverse("admin:pulls") + (f"?{query}" if query else "")


#: The heading of a column of pulls.
PULLS_LATELY = "pulls, 7 days"
_LATELY = "7d"


def pulls_lately(request: HttpRequest, hostnames: Collection[str], *, by_mapping: bool = False) -> dict[Any, int]:
    """The pulls of some hostnames, as far as the asker may see them: by hostname and prefix, or ""; one query."""
    return pulls_of(permissions.viewer(request), hostnames, span_of(_LATELY), by_mapping=by_mapping)


def span_of(period: str) -> Span:
    """The time that a word stands for."""
    return Span.from_(timezone.now() - PERIODS[period][0])


def pulls_panel(request: HttpRequest, scope: Scope) -> PullsPanel:
    """The pulls of the last thirty days, as far as the asker may see them; one query."""
    span = span_of(DEFAULT_PERIOD)
    points = over_time(permissions.actor(request).looking(), scope, span)
    return PullsPanel(chart_of(points, span.grain), PERIODS[DEFAULT_PERIOD][1], pulls_url(scope))

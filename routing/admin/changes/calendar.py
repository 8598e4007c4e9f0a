"""The calendar: what is to come of change sets, by day."""

from typing import NamedTuple

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.models import ChangeSet
from routing.services.changes.calendar import coming
from routing.services.changes.plan import in_percent

_SHOWN = 200


class Coming(NamedTuple):
    """A change set of which something is to come, and what that is, in words."""

    change_set: ChangeSet
    what: str


def calendar_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The page."""
    found = coming_up(request, _SHOWN + 1)
    shown = {"coming": found[:_SHOWN], "more": len(found) > _SHOWN}
    return TemplateResponse(
        request, "admin/routing/calendar.html", {**site.each_context(request), "title": "Calendar", **shown}
    )


def coming_up(request: HttpRequest, limit: int) -> list[Coming]:
    """So many at most, the next first, as far as the asker may see them; one query."""
    rows = permissions.viewable(request, ChangeSet.objects.with_names().defer("rows", "basis"))
    return [Coming(row, _what(row)) for row in coming(rows)[:limit]]


def _what(change_set: ChangeSet) -> str:
    if change_set.state == ChangeSet.State.IN_STEPS:
        return f"step {change_set.step + 1} of {len(change_set.shares)}, {in_percent(change_set.next_share)}"
    how = f"in {len(change_set.shares)} steps" if change_set.shares else "at once"
    return f"{how}, not verified" if change_set.skip_verification else how

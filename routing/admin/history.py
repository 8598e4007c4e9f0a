"""The page of the whole history: what was done in all tenants that the asker may see, searched and in parts."""

from collections.abc import Container
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from routing.admin.base import permissions
from routing.admin.base.badges import told
from routing.admin.base.history import Entry, Step, viewable_change_sets
from routing.core.grammar.numbers import parse_number
from routing.services.base import past
from routing.services.base.permissions import Permission

_PAGE, _MAX_PAGE = 50, 200
_MAX_LENGTH = 200
_TEXTS = {"words": "Reason", "actor": "By", "tenant": "Tenant", "request_id": "Request id"}
#: Nouns whose pages have another name.
_PAGES = {"member": "membership"}


def history_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The page."""
    texts = {name: request.GET.get(name, "").strip().replace("\0", "")[:_MAX_LENGTH] for name in _TEXTS}
    noun = request.GET.get("noun", "")
    noun = noun if noun in past.NOUNS else ""
    days = {name: _day(request.GET.get(name, "")) for name in ("since", "until")}
    wanted = past.Wanted(
        noun=noun or None,
        words=texts["words"] or None,
        actor=texts["actor"] or None,
        tenant=texts["tenant"] or None,
        request_id=texts["request_id"] or None,
        since=_start(days["since"]),
        # The day itself is among them.
        until=_start(days["until"] and days["until"] + timedelta(days=1)),
    )
    page = _number(request.GET.get("page", ""))
    start = (page - 1) * _PAGE
    found = past.past_entries(permissions.actor(request).looking(), wanted, start, start + _PAGE + 1)
    change_sets = viewable_change_sets(request, (each.change_set for each in found))
    given = {**texts, "noun": noun, **{name: str(day) for name, day in days.items() if day}}
    context = {
        **site.each_context(request),
        "title": "History",
        "entries": [_entry(each, change_sets) for each in found[:_PAGE]],
        "texts": [(name, label, texts[name]) for name, label in _TEXTS.items()],
        "nouns": [(name, name.capitalize(), name == noun) for name in past.NOUNS],
        "since": days["since"],
        "until": days["until"],
        "page": page,
        "newer": _address(given, page - 1) if page > 1 else "",
        "older": _address(given, page + 1) if len(found) > _PAGE and page < _MAX_PAGE else "",
        "is_narrowed": any(given.values()),
        "verifies": permissions.may(request, Permission.ADMINISTER, None),
    }
    return TemplateResponse(request, "admin/routing/all_history.html", context)


def _entry(found: past.Entry, change_sets: Container[int]) -> Entry:
    page = f"admin:routing_{_PAGES.get(found.noun, found.noun)}_history"
    return Entry(
        number=found.number,
        at=found.at,
        actor=found.actor or "unknown",
        kind=found.action,
        verb=found.verb,
        noun=f"{found.noun} of {found.tenant}" if found.tenant and found.noun != "tenant" else found.noun,
        name=found.name,
        url=reverse(page, args=[found.id]),
        reason=found.reason,
        request_id=found.request_id,
        change_set=found.change_set if found.change_set in change_sets else None,
        steps=[
            Step(step.field.replace("_", " "), _told(step.before), _told(step.after))
            for step in found.changes
            if step.before or step.after
        ],
    )


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return told(value)
    return "" if value is None else str(value)


def _day(text: str) -> date | None:
    """A day as browsers send it; what can't be read, and what no calendar goes on from, is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date.min < day < date.max else None


def _start(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, timezone.get_current_timezone()) if day else None


def _number(text: str) -> int:
    return min(max(1, parse_number(text) or 1), _MAX_PAGE)


def _address(given: dict[str, str], page: int) -> str:
    query = {name: value for name, value in given.items() if value}
    return f"{reverse('admin:history')}?{urlencode({**query, 'page': page} if page > 1 else query)}"

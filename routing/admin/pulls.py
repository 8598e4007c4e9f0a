"""The page of pulls: how much, by what, from where, and what was asked for in vain; each as a table and as CSV."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.admin.base.chart import Chart, chart_of
from routing.admin.base.csv_files import csv_file
from routing.admin.base.pulls import DEFAULT_PERIOD, PERIODS, pulls_url, span_of
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission
from routing.services.pulls.reading import (
    OUTCOMES,
    Scope,
    Span,
    Totals,
    client_versions,
    orphans,
    over_time,
    references,
    shares,
    timeline,
)

_ROWS, _ROWS_OF_A_FILE = 10, 1000
_MAX_LENGTH = 255
_FIELDS = {"tenant": "Tenant", "hostname": "Hostname", "mapping": "Mapping", "repository": "Repository"}
_SINCE = "since"


class Cell(NamedTuple):
    """What stands in a table; with an address where it leads somewhere."""

    text: str
    url: str = ""


class Table(NamedTuple):
    """What was counted by one name. `file`: where it is as CSV."""

    name: str
    title: str
    headings: list[str]
    rows: list[list[Cell | int]]
    file: str
    none: str


_Reader = Callable[[Actor, Scope, Span, int], list[list[Cell | int]]]


def pulls_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The page, or one of its tables as a file."""
    scope, period = _scope(request), request.GET.get(_SINCE, DEFAULT_PERIOD)
    period = period if period in PERIODS else DEFAULT_PERIOD
    actor, span = permissions.actor(request).looking(), span_of(period)
    wanted = request.GET.get("csv", "")
    if wanted == "time":
        points = over_time(actor, scope, span)
        rows: list[Sequence[Any]] = [(point.at.isoformat(), point.pulls, point.missed) for point in points]
        return csv_file("pulls-time", ["From", "Pulls", "Refused or failed"], rows)
    readers = _readers(request, scope, period)
    if wanted in readers:
        _, headings, read, _ = readers[wanted]
        rows = [[_plain(cell) for cell in row] for row in read(actor, scope, span, _ROWS_OF_A_FILE)]
        return csv_file(f"pulls-{wanted}", headings, rows)
    told = timeline(actor, scope, span)
    context = {
        **site.each_context(request),
        "title": "Pulls",
        "chart": chart_of(told.points, span.grain),
        "file": pulls_url(scope, period, csv="time"),
        "answers": _answers(told.totals),
        "tables": [
            Table(name, title, headings, read(actor, scope, span, _ROWS), pulls_url(scope, period, csv=name), none)
            for name, (title, headings, read, none) in readers.items()
        ],
        "fields": [(name, label, getattr(scope, name) or "") for name, label in _FIELDS.items()],
        "periods": [(words, pulls_url(scope, word), word == period) for word, (_, words) in PERIODS.items()],
        "period": period,
        "period_words": PERIODS[period][1],
        "is_narrowed": scope != Scope(),
    }
    return TemplateResponse(request, "admin/routing/pulls.html", context)


def pulls_summary(request: HttpRequest) -> dict[str, Any]:
    """What the overview tells: the chart, and the top of each."""
    actor, span, scope = permissions.actor(request).looking(), span_of(DEFAULT_PERIOD), Scope()
    readers = _readers(request, scope, DEFAULT_PERIOD)
    told = timeline(actor, scope, span)
    chart: Chart = chart_of(told.points, span.grain)
    tables = [
        Table(name, readers[name][0], readers[name][1], readers[name][2](actor, scope, span, 5), "", readers[name][3])
        for name in ("repository", "client", "orphan")
    ]
    return {
        "chart": chart,
        "answers": _answers(told.totals),
        "pull_tables": tables,
        "pulls_url": pulls_url(scope),
        "period_words": PERIODS[DEFAULT_PERIOD][1],
    }


def _scope(request: HttpRequest) -> Scope:
    given = {name: request.GET.get(name, "").strip().replace("\0", "")[:_MAX_LENGTH] for name in _FIELDS}
    return Scope(**{name: value for name, value in given.items() if value})


def _answers(counted: Totals) -> list[tuple[str, int]]:
    return [(name, getattr(counted, name)) for name in OUTCOMES]


def _readers(request: HttpRequest, scope: Scope, period: str) -> dict[str, tuple[str, list[str], _Reader, str]]:
    """The page's tables: title, headings, what reads them, and what is said of an empty one."""

    def by(name: str, *, narrows: bool = False) -> _Reader:
        def read(actor: Actor, scope: Scope, span: Span, limit: int) -> list[list[Cell | int]]:
            found = shares(actor, scope, span, name, limit)
            return [[_narrowing(scope, period, name, each.name, narrows), each.pulls] for each in found]

        return read

    told: dict[str, tuple[str, list[str], _Reader, str]] = {}
    is_platform = permissions.may(request, Permission.ADMINISTER, None)
    nothing = "No pulls were counted."
    if scope.tenant is None and is_platform:
        told["tenant"] = ("Tenants", ["Tenant", "Pulls"], by("tenant", narrows=True), nothing)
    if scope.hostname is None:
        told["hostname"] = ("Hostnames", ["Hostname", "Pulls"], by("hostname", narrows=True), nothing)
    elif scope.mapping is None:
        told["mapping"] = ("Mappings", ["Prefix", "Pulls"], by("mapping", narrows=True), nothing)
    told["repository"] = ("Repositories", ["Repository", "Pulls"], by("repository", narrows=True), nothing)
    told["tag"] = ("Tags and digests", ["Reference", "Requests"], _references, "No tag was asked for.")
    told["client"] = ("Clients", ["Client", "Pulls"], _clients, nothing)
    told["platform"] = ("Platforms", ["Platform", "Pulls"], by("platform"), nothing)
    told["target"] = ("Registries", ["Registry", "Pulls"], by("target"), nothing)
    told["orphan"] = (
        "Asked for in vain",
        ["Hostname", "Repository", "Requests"],
        _orphans,
        "Nobody asked for a name without a mapping.",
    )
    return told


def _narrowing(scope: Scope, period: str, name: str, value: str, narrows: bool) -> Cell:
    if not value:
        # A mapping of a whole hostname has an empty prefix. Anything else without a name is told together.
        return Cell({"mapping": "the whole hostname, and others"}.get(name, "others" if narrows else "not told"))
    return Cell(value, pulls_url(Scope(**{**vars(scope), name: value}), period) if narrows else "")


def _clients(actor: Actor, scope: Scope, span: Span, limit: int) -> list[list[Cell | int]]:
    return [[Cell(each.name or "not told"), each.pulls] for each in client_versions(actor, scope, span, limit)]


def _references(actor: Actor, scope: Scope, span: Span, limit: int) -> list[list[Cell | int]]:
    return [[Cell(each.name or "others"), each.requests] for each in references(actor, scope, span, limit)]


def _orphans(actor: Actor, scope: Scope, span: Span, limit: int) -> list[list[Cell | int]]:
    found = orphans(actor, scope, span, limit)
    return [[Cell(each.hostname or "others"), Cell(each.name or "-"), each.requests] for each in found]


def _plain(cell: Cell | int) -> str | int:
    return cell.text if isinstance(cell, Cell) else cell

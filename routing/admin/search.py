"""Finds rows of every kind by a few letters: for the search page, and for the palette that asks while one types."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from routing.admin.base import permissions
from routing.admin.base.filters import first_found
from routing.admin.base.pulls import pulls_url
from routing.models import ChangeSet, Hostname, HostnameClaim, Mapping, Registry, Tenant
from routing.services.lists.search import MAX_SEARCH
from routing.services.pulls.reading import Scope, found_in_pulls

_NOUNS: tuple[type[Model], ...] = (Mapping, Hostname, HostnameClaim, Registry, Tenant, ChangeSet)
_OF_EACH = 6


class Found(NamedTuple):
    """What was found, and its page."""

    words: str
    url: str


class Kind(NamedTuple):
    """What was found of one kind; `more` is the list of all of it, "" where it is all."""

    name: str
    found: list[Found]
    more: str = ""


def search_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The page."""
    wanted = _wanted(request)
    context = {
        **site.each_context(request),
        "title": "Search",
        "wanted": wanted,
        "kinds": found_by(site, request, wanted),
    }
    return TemplateResponse(request, "admin/routing/search.html", context)


def suggestions_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The same as JSON: `{"found": [{"words", "url", "kind"}]}`."""
    kinds = found_by(site, request, _wanted(request))
    return JsonResponse({"found": [{**each._asdict(), "kind": kind.name} for kind in kinds for each in kind.found]})


def found_by(site: admin.AdminSite, request: HttpRequest, wanted: str) -> list[Kind]:
    """What the asker may see of it, by kind; a few of each."""
    if not wanted:
        return []
    kinds = [_rows(site, request, noun, wanted) for noun in _NOUNS]
    return [kind for kind in [*kinds, _pulled(request, wanted)] if kind.found]


def _wanted(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:MAX_SEARCH]


def _rows(site: admin.AdminSite, request: HttpRequest, noun: type[Model], wanted: str) -> Kind:
    """As the list of the noun would find them."""
    pages: Any = site.get_model_admin(noun)
    name = f"admin:{noun._meta.app_label}_{noun._meta.model_name}"
    rows = pages.get_queryset(request)
    matching, _ = pages.get_search_results(request, rows, wanted)
    first, _ = first_found(rows, matching)
    found = [Found(str(row), reverse(f"{name}_change", args=[row.pk])) for row in first[: _OF_EACH + 1]]
    url = reverse(f"{name}_changelist", query={"q": wanted})
    return Kind(capfirst(str(noun._meta.verbose_name_plural)), found[:_OF_EACH], url if len(found) > _OF_EACH else "")


def _pulled(request: HttpRequest, wanted: str) -> Kind:
    """Repositories that clients asked for lately, by a part of their names or by a digest."""
    found = found_in_pulls(permissions.actor(request).looking(), wanted, _OF_EACH)
    pages = [
        Found(f"{hostname}/{repository}", pulls_url(Scope(hostname=hostname, repository=repository)))
        for hostname, repository in found
    ]
    return Kind("Pulled lately", pages)

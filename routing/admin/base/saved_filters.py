"""Saved filters at the lists: chosen like any other filter, made from what is shown, renamed and removed there.

A list's address says things in Django's way, a saved filter in the API's, so that every door understands it. `ADDRESS`
is where one becomes the other. The other way there is none: `filter=NUMBER` in the address applies the terms as they
are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from routing.admin.base import permissions
from routing.core.grammar.numbers import parse_number
from routing.models import Hostname, SavedFilter, Tenant
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission
from routing.services.lists import saved_filters as verbs
from routing.services.lists.terms import SORT, SORTS, narrowed

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

PARAMETER = "filter"
_CHOSEN, _PROBLEM = "_routing_saved_filter", "_routing_saved_filter_problem"
_MOST, _MAX_QUERY = 50, 4000
# Where in a list one is, not what it shows.
_PLACES = frozenset({"p", "all", "e", "_changelist_filters"})

_ToTerm = Callable[[HttpRequest, str], str]


def _as_it_is(request: HttpRequest, text: str) -> str:
    return text


def _truth(request: HttpRequest, text: str) -> str:
    return {"1": "true", "0": "false"}.get(text, text)


def _slug(request: HttpRequest, text: str) -> str:
    return _name_of(request, Tenant.objects.all(), "slug", text)


def _hostname(request: HttpRequest, text: str) -> str:
    return _name_of(request, Hostname.objects.all(), "name", text)


def _name_of(request: HttpRequest, rows: "QuerySet[Any]", column: str, text: str) -> str:
    seen = permissions.viewable(request, rows).filter(pk=parse_number(text) or 0)
    found = seen.values_list(column, flat=True).first()
    if found is None:
        raise NotFound("what this list is filtered by is gone: choose another filter")
    return str(found)


#: By noun and by what stands in the list's address: the term that it is, and how its words become the term's.
ADDRESS: Mapping[str, Mapping[str, tuple[str, _ToTerm]]] = {
    "mapping": {
        "state": ("state", _as_it_is),
        "hostname__tenant__id__exact": ("tenant", _slug),
        "hostname__id__exact": ("hostname", _hostname),
        "registry__id__exact": ("registry_id", _as_it_is),
        "label": ("label", _as_it_is),
        SEARCH_VAR: ("search", _as_it_is),
    },
    "hostname": {
        "enabled__exact": ("enabled", _truth),
        "suspended__exact": ("suspended", _truth),
        "proof": ("proof", _as_it_is),
        "tenant__id__exact": ("tenant", _slug),
        "label": ("label", _as_it_is),
        SEARCH_VAR: ("search", _as_it_is),
    },
    "registry": {
        "auth__exact": ("auth", _as_it_is),
        "tenant__id__exact": ("tenant", _slug),
        "label": ("label", _as_it_is),
        SEARCH_VAR: ("search", _as_it_is),
    },
}


class SavedChoice(SimpleListFilter):
    """One of the saved filters that the asker may use."""

    title = "saved filter"
    parameter_name = PARAMETER

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.noun = str(model._meta.model_name)
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The filters, by name; one query."""
        rows = list(verbs.seen_filters(permissions.viewer(request), self.noun)[: _MOST + 1])
        self.more = len(rows) > _MOST
        return [(str(row.pk), f"{row.name} ({row.tenant})" if row.tenant else row.name) for row in rows[:_MOST]]

    def has_output(self) -> bool:
        """Also where an address names one that isn't there: it has to be told, for else all rows would be shown."""
        return super().has_output() or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The rows that the chosen one finds; none where it can't be used, and why is told."""
        key = self.value()
        if key is None:
            return queryset
        try:
            row = verbs.get_filter(permissions.viewer(request), parse_number(key) or 0)
            if row.noun != self.noun:
                raise NotFound("this saved filter is of another list")
            found = narrowed(row.noun, queryset, verbs.values_of(row))
        except ServiceError as refusal:
            setattr(request, _PROBLEM, refusal.message)
            return queryset.none()
        setattr(request, _CHOSEN, row)
        return found


def chosen_filter(request: HttpRequest) -> SavedFilter | None:
    """The saved filter by which the list was narrowed for this request."""
    return getattr(request, _CHOSEN, None)


def filter_problem(request: HttpRequest) -> str:
    """Why the saved filter that the address names can't be used; "" where it can."""
    return getattr(request, _PROBLEM, "")


class ChosenFilter(NamedTuple):
    """The saved filter in use, as the page tells it."""

    row: SavedFilter
    terms: str
    may_change: bool


class SavedFilters(_Base):
    """The forms at the list, and where they are sent. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, where the forms are sent."""
        view = self.admin_site.admin_view(self.filters_view)
        return [path("filters/", view, name=f"routing_{self.opts.model_name}_filters"), *super().get_urls()]

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The saved ones go before the others."""
        return [SavedChoice, *super().get_list_filter(request)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the forms."""
        more: dict[str, Any] = {"filters_url": self.url("filters"), "shown_query": request.GET.urlencode()}
        more["may_save"] = bool(set(request.GET) - _PLACES)
        if permissions.may(request, Permission.ADMINISTER, None):
            # Of all tenants there may be thousands: they name one.
            more["share_by_name"] = True
        elif more["may_save"]:
            tenants = permissions.tenants(request, Permission.CHANGE_MAPPINGS).order_by("slug")
            more["share_with"] = list(tenants.values_list("slug", "name")[:_MOST])
        answer = super().changelist_view(request, {**more, **(extra_context or {})})
        if problem := filter_problem(request):
            self.message_lines(request, [problem], messages.ERROR)
        if hasattr(answer, "context_data") and (row := chosen_filter(request)):
            words = ", ".join(f"{name} {text}" for name, text in row.terms.items())
            answer.context_data["chosen_filter"] = ChosenFilter(
                row, words, verbs.may_change(permissions.actor(request), row)
            )
        return answer

    @method_decorator(require_POST)
    def filters_view(self, request: HttpRequest) -> HttpResponse:
        """Save what is shown, or rename or remove the filter in use; then back to the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = QueryDict(request.POST.get("shown", "")[:_MAX_QUERY], mutable=True)
        try:
            done = self._do(request, query)
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
        else:
            self.message_lines(request, [done], messages.SUCCESS)
        return HttpResponseRedirect(f"{self.url('changelist')}?{query.urlencode()}".rstrip("?"))

    def _do(self, request: HttpRequest, query: QueryDict) -> str:
        actor, deed, name = permissions.actor(request), request.POST.get("deed", ""), request.POST.get("name", "")
        if deed == "save":
            tenant_id = self._tenant_id(request)
            terms = self._terms(request, query)
            row = verbs.save_filter(actor, noun=str(self.opts.model_name), name=name, terms=terms, tenant_id=tenant_id)
            query.clear()
            query[PARAMETER] = str(row.pk)
            return f"saved the filter “{row}”"
        pk, version = (parse_number(request.POST.get(each, "")) or 0 for each in ("id", "version"))
        if deed == "rename":
            row = verbs.update_filter(actor, filter_id=pk, if_match=[version], name=name)
            return f"renamed the filter to “{row}”"
        if deed == "remove":
            was = verbs.remove_filter(actor, filter_id=pk, if_match=[version])
            query.pop(PARAMETER, None)
            return f"removed the filter “{was}”"
        raise ServiceError("choose what to do with the filter")

    def _tenant_id(self, request: HttpRequest) -> int | None:
        slug = request.POST.get("tenant", "").strip()
        if not slug:
            return None
        found = permissions.viewable(request, Tenant.objects.filter(slug=slug)).values_list("pk", flat=True).first()
        if found is None:
            raise NotFound(f"there is no tenant {slug}, or it isn't yours")
        return int(found)

    def _terms(self, request: HttpRequest, query: QueryDict) -> dict[str, str]:
        """What the list's address asks for, as terms. Raises ServiceError for what is none."""
        noun, terms = str(self.opts.model_name), dict[str, str]()
        if key := query.get(PARAMETER):
            terms |= verbs.get_filter(permissions.actor(request), parse_number(key) or 0).terms
        for name, text in query.items():
            if name in _PLACES or name == PARAMETER or text in ("", None):
                continue
            term, words = (SORT, self._sort(request, str(text))) if name == ORDER_VAR else (name, str(text))
            if name in ADDRESS[noun]:
                term, read = ADDRESS[noun][name]
                words = read(request, words)
            elif name != ORDER_VAR:
                raise ServiceError(f"“{name}” can't be saved: no other door knows it")
            if terms.get(term, words) != words and term != SORT:
                raise ServiceError(f"the filter in use says another {term}: choose all filters anew, then save them")
            terms[term] = words
        return terms

    def _sort(self, request: HttpRequest, order: str) -> str:
        """The first of the columns by which the list is sorted, as the API calls it. Raises ServiceError."""
        first = order.partition(".")[0]
        place, columns = parse_number(first.removeprefix("-")), [*self.get_list_display(request)]
        if self.get_actions(request):
            # The boxes to tick have a place, too.
            columns = ["", *columns]
        if place is None or not place < len(columns) or not columns[place]:
            raise ServiceError("this order is none of the list's: sort it anew")
        name = columns[place]
        shown = getattr(self, name, None)
        field = str(getattr(shown, "admin_order_field", None) or name)
        is_down = first.startswith("-") != field.startswith("-")
        for sort, column in SORTS[str(self.opts.model_name)].items():
            if column == field.removeprefix("-"):
                return f"-{sort}" if is_down else sort
        raise ServiceError("the order by this column can't be saved: no other door knows it. Sort by another one")

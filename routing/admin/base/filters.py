"""The filters beside the lists."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse

from routing.admin.base import permissions
from routing.core.grammar.numbers import parse_number
from routing.models import Mapping
from routing.services.lists.search import MAX_SEARCH, MAX_WORDS, SEARCHED, searched
from routing.services.lists.terms import PROOFS, STATES, TERMS

if TYPE_CHECKING:
    _Base = ModelAdmin[Any]
else:
    _Base = object

#: Less than SQLite takes as arguments.
_FEW = 500


def first_found(rows: "QuerySet[Any]", found: "QuerySet[Any]") -> tuple["QuerySet[Any]", bool]:
    """Some of what a search found of rows, by their keys, in the rows' order; and whether that is all.

    No index helps a search. To count what it found, to put it in order and to show it would each be a look at every
    row, and in an order's order the slowest.
    """
    keys = list(found.order_by().values_list("pk", flat=True)[: _FEW + 1])
    by_key = rows.filter(pk__in=keys[:_FEW])
    return by_key.order_by(*found.query.order_by) if found.query.order_by else by_key, len(keys) <= _FEW


def is_id(text: str) -> bool:
    """Whether a text may be the id of a row: one that can be looked for."""
    return parse_number(text) is not None


class BoundedList(_Base):
    """A list that asks the database for nothing that it can't answer. Goes before Django's ModelAdmin.

    Its address may ask what the list's own filters ask: Django lets it name any column and any lookup, such as a
    regular expression, or a time or number that the database has no room for. Rows are chosen by what may be an id, and
    a search has as many words as SQLite takes conditions.
    """

    def response_action(
        self, request: HttpRequest, queryset: "QuerySet[Any]", *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run the action on the rows that were chosen."""
        if all(is_id(chosen) for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, queryset, *args, **kwargs)
        self.message_user(request, "What was chosen is no row of this list.", messages.WARNING)
        return None

    def get_action_choices(
        self, request: HttpRequest, default_choices: list[tuple[str, str]] | None = None
    ) -> list[tuple[str, str]]:
        """The actions, below words that say what to do."""
        return super().get_action_choices(request, default_choices or [("", "Choose an action")])

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        """The rows that have all of the first words."""
        noun = str(self.opts.model_name)
        if noun in SEARCHED:
            return searched(noun, queryset, search_term), False
        wanted = search_term[:MAX_SEARCH]
        words = wanted.split()
        if len(words) > MAX_WORDS:
            wanted = " ".join(words[:MAX_WORDS])
        return super().get_search_results(request, queryset, wanted)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether a part of the address is one of the filters'. Others are answered 400."""
        return lookup in {asked for choice in self.get_list_filter(request) for asked in self._lookups(choice)}

    def _lookups(self, choice: Any) -> Iterable[str]:
        if isinstance(choice, type):
            return [choice.parameter_name]  # type: ignore[attr-defined]
        if isinstance(choice, tuple):
            return [f"{choice[0]}__id__exact"]
        return [f"{choice}__exact", f"{choice}__isnull"]


class RelatedFilter(RelatedFieldListFilter):
    """The first of the related rows that the asker may see; the search finds the others."""

    _MOST = 15

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """The choices: one query, however many there are."""
        rows = permissions.viewable(request, field.remote_field.model._default_manager.all())
        used = rows
        if field.model is Mapping:
            used = rows.filter(Exists(Mapping.objects.filter(**{field.name: OuterRef("pk")})))
        found = [(str(row.pk), row.name) for row in used[: self._MOST + 1]]
        self.more = len(found) > self._MOST
        found = found[: self._MOST]
        chosen = self.lookup_val[-1] if self.lookup_val else None
        if chosen and is_id(chosen) and chosen not in dict(found):
            found = [(str(row.pk), row.name) for row in rows.filter(pk=chosen)] + found
        return found


class StateFilter(SimpleListFilter):
    """Whether clients are served, and if not, for whose sake."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The states."""
        return [("on", "active"), ("off", "disabled"), ("blocked", "hostname disabled, withdrawn or suspended")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The mappings in the chosen state."""
        value = self.value()
        return TERMS["mapping"]["state"].narrow(queryset, value) if value in STATES else queryset


class ProofFilter(SimpleListFilter):
    """How a hostname is proved, and whether that still holds."""

    title = "verification"
    parameter_name = "proof"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The states."""
        return [("there", "record found"), ("missing", "record missing or withdrawn"), ("vouched", "vouched for")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The hostnames in the chosen state."""
        value = self.value()
        return TERMS["hostname"]["proof"].narrow(queryset, value) if value in PROOFS else queryset

"""The filters beside the lists."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import RelatedFieldListFilter, SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from routing.admin.base import permissions
from routing.models import Mapping

# Of a row's id; of more Python makes no number.
_MAX_DIGITS = 18


class OwnFiltersOnly:
    """The address of a list may ask what the list's own filters ask, and nothing else.

    Django lets it name any column and any lookup: a regular expression, or a time or number that the database has no
    room for, was an answer of 500. Goes before Django's ModelAdmin.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether a part of the address is one of the filters'. Others are answered 400."""
        return lookup in {asked for choice in self.get_list_filter(request) for asked in self._lookups(choice)}  # type: ignore[attr-defined]

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
        if chosen and chosen.isdecimal() and len(chosen) <= _MAX_DIGITS and chosen not in dict(found):
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
        blocked = (
            Q(hostname__enabled=False)
            | Q(hostname__withdrawn_at__isnull=False)
            | Q(hostname__suspended=True)
            | Q(hostname__tenant__suspended=True)
        )
        match self.value():
            case "on":
                return queryset.filter(~blocked, enabled=True)
            case "off":
                return queryset.filter(enabled=False)
            case "blocked":
                return queryset.filter(blocked)
        return queryset


class ProofFilter(SimpleListFilter):
    """How a hostname is proved, and whether that still holds."""

    title = "verification"
    parameter_name = "proof"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The states."""
        return [("there", "record found"), ("missing", "record missing or withdrawn"), ("vouched", "vouched for")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The hostnames in the chosen state."""
        match self.value():
            case "there":
                return queryset.filter(proof_missing_since=None).exclude(proof_token="")
            case "missing":
                return queryset.filter(proof_missing_since__isnull=False)
            case "vouched":
                return queryset.filter(proof_token="")
        return queryset

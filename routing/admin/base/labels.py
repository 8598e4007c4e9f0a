"""Labels on the pages of a noun: badges in its list, a filter beside it, and two bulk actions."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join

from routing.admin.base import permissions
from routing.admin.base.bulk import Bulk, BulkActions
from routing.core.grammar.labels import InvalidLabel, parse_label, unpack_labels
from routing.models.labelled import labelled
from routing.services.base.labels import change_labels

#: The bulk actions, by their names.
LABEL_ACTIONS = ("add_label", "remove_label")
_MOST = 15
# So many different sets of labels are read, those of most rows first; the search finds the others.
_READ = 2_000


class LabelFilter(SimpleListFilter):
    """Rows with one label. Shows those that most rows have, and the one that is chosen."""

    title = "label"
    parameter_name = "label"
    more = False

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Iterable[tuple[str, str]]:
        """The labels of what the asker may see: one query, however many there are."""
        rows = permissions.viewable(request, model_admin.model._default_manager.exclude(labels=""))
        counts: Counter[str] = Counter()
        for packed, count in rows.order_by().values_list("labels").annotate(rows=Count("pk")).order_by("-rows")[:_READ]:
            for label in unpack_labels(packed):
                counts[label] += count
        common = [label for label, _ in counts.most_common(_MOST)]
        self.more = len(counts) > _MOST
        # Also one that no row has any more, or that is none: else the list would show all rows as if they had it.
        chosen = self.value()
        return [(label, label) for label in sorted({*common, *([] if chosen is None else [chosen])})]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The rows with the chosen label, or with any value of the chosen key."""
        label = self.value()
        if label is None:
            return queryset
        return queryset.filter(labelled(label)) if _is_label(label) else queryset.none()


class LabelledPages(BulkActions):
    """The labels of a noun. Goes before ServiceModelAdmin.

    Its list names the column `label_badges`, and the actions of `LABEL_ACTIONS`.
    """

    def get_list_filter(self, request: HttpRequest) -> Any:
        """With the labels."""
        return [*super().get_list_filter(request), LabelFilter]

    @admin.display(description="labels", empty_value="")
    def label_badges(self, row: Any) -> str:
        """Each leads to the rows that have it."""
        url = self.url("changelist")
        return format_html_join(
            " ",
            '<a class="badge label" href="{}?{}">{}</a>',
            ((url, urlencode({LabelFilter.parameter_name: label}), label) for label in row.label_list),
        )

    @admin.action(description="Add a label…", permissions=["change"])
    def add_label(self, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        """Put a label on the chosen rows."""
        bulk = Bulk(
            action="add_label",
            title="Add a label to",
            effect="",
            done="Added",
            button="Add",
            verb=self._change_labels("add"),
            is_harsh=False,
            asks_label="A word, or a key and its value, such as team=web, which takes the place of another value.",
            told=self._told("Added", "to", "had it already"),
        )
        return self.run(request, rows, bulk)

    @admin.action(description="Remove a label…", permissions=["change"])
    def remove_label(self, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        """Take a label off the chosen rows."""
        bulk = Bulk(
            action="remove_label",
            title="Remove a label from",
            effect="",
            done="Removed",
            button="Remove",
            verb=self._change_labels("remove"),
            is_harsh=False,
            asks_label="A key alone, such as team, is removed whatever its value.",
            told=self._told("Removed", "from", "did not have it"),
        )
        return self.run(request, rows, bulk)

    def _change_labels(self, way: str) -> Callable[[HttpRequest, str, list[int]], list[str]]:
        def change(request: HttpRequest, reason: str, ids: list[int]) -> list[str]:
            labels: Any = {way: [request.POST.get("label", "")]}
            done = change_labels(permissions.actor(request), reason, model=self.model, ids=ids, **labels)
            return [str(row) for row in done.changed]

        return change

    def _told(self, done: str, joint: str, otherwise: str) -> Callable[[HttpRequest, int, int], str]:
        def told(request: HttpRequest, changed: int, chosen: int) -> str:
            noun = self.opts.verbose_name if changed == 1 else self.opts.verbose_name_plural
            rest = f"; {chosen - changed:,} {otherwise}" if chosen > changed else ""
            return f"{done} {request.POST.get('label', '').strip()} {joint} {changed:,} {noun}{rest}"

        return told


def _is_label(text: str) -> bool:
    try:
        return parse_label(text) == text
    except InvalidLabel:
        return False

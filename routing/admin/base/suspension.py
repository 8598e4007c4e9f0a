"""Suspending tenants and hostnames, and resuming them, in one action: from the list or from a row's page.

For operators of the platform only; the verbs ask for that as well.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from routing.admin.base import permissions
from routing.admin.base.bulk import Bulk, BulkActions
from routing.services.base.permissions import Permission


class Suspension(BulkActions):
    """The two actions.

    Goes before ServiceModelAdmin. `suspend_all` is the noun's verb: it gives the rows that it changed.
    """

    actions: Sequence[str] = ("suspend", "unsuspend")
    suspend_all: Callable[[HttpRequest, str, list[int], bool, str], list[Any]]

    def has_suspend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operators of the platform."""
        return permissions.may(request, Permission.ADMINISTER, obj)

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The row's page has a button that begins either action."""
        return {
            **super().change_view_context(request, row),
            "suspend_url": self.url("changelist") if self.has_suspend_permission(request) else "",
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }

    @admin.action(description="Suspend…", permissions=["suspend"])
    def suspend(self, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        """Refuse every request for the chosen rows."""
        bulk = Bulk(
            action="suspend",
            title="Suspend",
            effect="is refused (403), and told why",
            done="Suspended",
            button="Suspend",
            verb=lambda request, reason, ids: self._suspend(request, reason, ids, suspended=True),
            asks_message=True,
        )
        return self.run(request, rows, bulk)

    @admin.action(description="Resume…", permissions=["suspend"])
    def unsuspend(self, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        """Serve the chosen rows again."""
        bulk = Bulk(
            action="unsuspend",
            title="Resume",
            effect="can pull again, unless something else is disabled or suspended",
            done="Resumed",
            button="Resume",
            verb=lambda request, reason, ids: self._suspend(request, reason, ids, suspended=False),
            is_harsh=False,
        )
        return self.run(request, rows, bulk)

    def _suspend(self, request: HttpRequest, reason: str, ids: list[int], suspended: bool) -> list[str]:
        changed = self.suspend_all(request, reason, ids, suspended, request.POST.get("message", ""))
        return [str(row) for row in changed]

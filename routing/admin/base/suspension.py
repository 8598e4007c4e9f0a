"""Suspending tenants and hostnames, and lifting that, in one action: from the list or from a row's page.

For operators of the platform only; the verbs ask for that as well.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

MOST_AT_ONCE = 100
_SHOWN = 20


class _Plan(NamedTuple):
    action: str
    title: str
    effect: str
    done: str
    suspended: bool


_SUSPEND = _Plan("suspend", "Suspend", "refused (403), and told why", "Suspended", True)
_UNSUSPEND = _Plan("unsuspend", "Unsuspend", "served again", "Served again:", False)


class Suspension(_Base):
    """The two actions. Goes before ServiceModelAdmin.

    `suspend_all` is the noun's verb: it gives the rows that it changed.
    """

    actions = ("suspend", "unsuspend")
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
        return self._change(request, rows, _SUSPEND)

    @admin.action(description="Unsuspend…", permissions=["suspend"])
    def unsuspend(self, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        """Serve the chosen rows again."""
        return self._change(request, rows, _UNSUSPEND)

    def _change(self, request: HttpRequest, rows: "QuerySet[Any]", plan: _Plan) -> HttpResponse | None:
        chosen = list(rows[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"Choose at most {MOST_AT_ONCE} at once.", messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, chosen, plan)
        given = {name: request.POST.get(name, "") for name in ("reason", "message")}
        try:
            changed = self.suspend_all(
                request, given["reason"], [row.pk for row in chosen], plan.suspended, given["message"]
            )
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return self._ask(request, chosen, plan, **given)
        if changed:
            rest = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            names = ", ".join(str(row) for row in changed[:_SHOWN])
            self.message_lines(request, [f"{plan.done} {names}{rest}"], messages.SUCCESS)
        else:
            self.message_lines(request, ["Nothing to change: it is so already"], messages.INFO)
        if "from_page" in request.POST and len(chosen) == 1:
            return HttpResponseRedirect(self.url("change", chosen[0].pk))
        return None

    def _ask(self, request: HttpRequest, chosen: list[Any], plan: _Plan, **given: str) -> TemplateResponse:
        many = len(chosen) != 1
        noun = self.opts.verbose_name_plural if many else self.opts.verbose_name
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"{plan.title} {len(chosen)} {noun}" if many else f"{plan.title} {noun} {chosen[0]}",
            "opts": self.opts,
            "plan": plan,
            "ids": [row.pk for row in chosen],
            "shown": chosen[:_SHOWN],
            "more": max(len(chosen) - _SHOWN, 0),
            "given": given,
            "max_message_length": self.model._meta.get_field("suspension_message").max_length,
            "from_page": "from_page" in request.POST,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/suspend.html", context)

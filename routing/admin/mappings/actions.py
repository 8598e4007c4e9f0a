"""Switching and removing several mappings at once, after a page that shows which, and asks why."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.models import Mapping
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import remove_mappings, switch_mappings

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

# Each is a row in the history, and other writers wait for the whole. Also what one form can carry.
MOST_AT_ONCE = 500
_SHOWN = 20


class Plan(NamedTuple):
    """One bulk action: its name, what its page says, and the verb, which gives the names of what it changed."""

    action: str
    title: str
    effect: str
    done: str
    button: str
    verb: Callable[[HttpRequest, str, list[int]], list[str]]


class MappingActions(_Base):
    """The bulk actions of mappings."""

    actions = ("switch_on", "switch_off", "remove_all")

    @admin.action(description="Switch on…", permissions=["change"])
    def switch_on(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Serve the chosen mappings."""
        return self._act(
            request,
            mappings,
            Plan("switch_on", "Switch on", "are served again", "Switched on", "Switch on", _switch(True)),
        )

    @admin.action(description="Switch off…", permissions=["change"])
    def switch_off(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Refuse clients of the chosen mappings."""
        effect = "are refused, and told that the mapping is off"
        plan = Plan("switch_off", "Switch off", effect, "Switched off", "Switch off", _switch(False))
        return self._act(request, mappings, plan)

    @admin.action(description="Remove…", permissions=["delete"])
    def remove_all(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Remove the chosen mappings."""
        effect = "are refused, unless a shorter prefix of the same hostname leads somewhere"
        return self._act(request, mappings, Plan("remove_all", "Remove", effect, "Removed", "Remove", _remove))

    def _act(self, request: HttpRequest, mappings: "QuerySet[Mapping]", plan: Plan) -> HttpResponse | None:
        ids = list(mappings.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(ids) > MOST_AT_ONCE:
            self.message_user(request, f"Choose at most {MOST_AT_ONCE} mappings at once.", messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, mappings, ids, plan)
        try:
            changed = plan.verb(request, request.POST.get("reason", ""), ids)
        except ServiceError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return None
        if not changed:
            self.message_user(request, "Nothing to change: they are so already.", messages.INFO)
            return None
        rest = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        self.message_user(request, f"{plan.done} {', '.join(changed[:_SHOWN])}{rest}.", messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, mappings: "QuerySet[Mapping]", ids: list[int], plan: Plan) -> TemplateResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"{plan.title} {len(ids)} mapping{'' if len(ids) == 1 else 's'}",
            "opts": self.opts,
            "plan": plan,
            "ids": ids,
            "shown": list(mappings[:_SHOWN]),
            "more": max(len(ids) - _SHOWN, 0),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/mapping/bulk.html", context)


def _switch(enabled: bool) -> Callable[[HttpRequest, str, list[int]], list[str]]:
    def verb(request: HttpRequest, reason: str, ids: list[int]) -> list[str]:
        changed = switch_mappings(permissions.actor(request), reason, mapping_ids=ids, enabled=enabled)
        return [mapping.source for mapping in changed]

    return verb


def _remove(request: HttpRequest, reason: str, ids: list[int]) -> list[str]:
    return remove_mappings(permissions.actor(request), reason, mapping_ids=ids)

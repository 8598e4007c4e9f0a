"""Enabling, disabling and removing several mappings at once."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from routing.admin.base import permissions
from routing.admin.base.bulk import Bulk, BulkActions
from routing.models import Mapping
from routing.services.mappings.mappings import remove_mappings, switch_mappings


class MappingActions(BulkActions):
    """The bulk actions of mappings. Goes before ServiceModelAdmin."""

    actions: Sequence[str] = ("switch_on", "switch_off", "remove_all")

    @admin.action(description="Enable…", permissions=["change"])
    def switch_on(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Serve the chosen mappings."""
        return self.run(request, mappings, _SWITCH_ON)

    @admin.action(description="Disable…", permissions=["change"])
    def switch_off(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Refuse clients of the chosen mappings."""
        return self.run(request, mappings, _SWITCH_OFF)

    @admin.action(description="Remove…", permissions=["delete"])
    def remove_all(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Remove the chosen mappings."""
        return self.run(request, mappings, _REMOVE)


def _switch(request: HttpRequest, reason: str, ids: list[int], enabled: bool) -> list[str]:
    changed = switch_mappings(permissions.actor(request), reason, mapping_ids=ids, enabled=enabled)
    return [mapping.source for mapping in changed]


_SWITCH_ON = Bulk(
    action="switch_on",
    title="Enable",
    effect="can pull again, unless the hostname is disabled or suspended",
    done="Enabled",
    button="Enable",
    verb=lambda request, reason, ids: _switch(request, reason, ids, enabled=True),
    is_harsh=False,
)
_SWITCH_OFF = Bulk(
    action="switch_off",
    title="Disable",
    effect="is refused, and told that the mapping is off",
    done="Disabled",
    button="Disable",
    verb=lambda request, reason, ids: _switch(request, reason, ids, enabled=False),
)
_REMOVE = Bulk(
    action="remove_all",
    title="Remove",
    effect="is refused, unless a shorter prefix of the same hostname has a mapping",
    done="Removed",
    button="Remove",
    verb=lambda request, reason, ids: remove_mappings(permissions.actor(request), reason, mapping_ids=ids),
)

"""The pages of tenants."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from routing.admin import scope
from routing.admin.base import NounAdmin
from routing.admin.marks import badge
from routing.models import Hostname, Tenant
from routing.services.tenants import remove_tenant, save_tenant


class TenantAdmin(NounAdmin):
    """Organisations, and whether they are served."""

    list_display = ("name", "slug", "state", "hostname_count")
    list_filter = ("suspended",)
    search_fields = ("name", "slug")
    search_help_text = "Name or short name."
    first_step = "The first mapping makes the tenant “default”, which is enough for one organisation."

    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """Who it is; then whether it is served."""
        may_change = obj is None or self.has_change_permission(request, obj)
        return [
            (None, {"fields": ["name", "slug"]}),
            ("Suspension", {"fields": ["suspended", "suspension_message"]}),
            ("Limits", {"fields": ["max_hostnames", "max_mappings"]}),
            *([(None, {"fields": ["reason"]})] if may_change else []),
        ]

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Count each one's hostnames."""
        hostnames = scope.visible(request, Hostname.objects.filter(tenant__in=[row.pk for row in rows]))
        counts = dict(hostnames.order_by().values_list("tenant").annotate(Count("pk")))
        for row in rows:
            row.hostname_count = counts.get(row.pk, 0)

    @admin.display(ordering="suspended")
    def state(self, tenant: Tenant) -> str:
        """Whether it is served."""
        return badge("blocked", "suspended", tenant.suspension_message) if tenant.suspended else badge("on", "served")

    @admin.display(description="hostnames")
    def hostname_count(self, tenant: Tenant) -> str:
        """How many, leading to them."""
        count = getattr(tenant, "hostname_count", 0)
        url = reverse("admin:routing_hostname_changelist")
        return format_html('<a href="{}?tenant__id__exact={}">{}</a>', url, tenant.pk, count) if count else "0"

    def write(self, request: HttpRequest, form: Any, change: bool) -> tuple[Tenant, list[str]]:
        """Save."""
        if change and not set(form.changed_data) - {"reason"}:
            return form.instance, []
        tenant = save_tenant(scope.actor(request), form.cleaned_data["reason"], form.instance)
        return tenant, [f"{'changed' if change else 'added'} tenant {tenant}"]

    def remove(self, request: HttpRequest, row: Tenant, reason: str) -> None:
        """Remove."""
        remove_tenant(scope.actor(request), reason, tenant_id=row.pk)

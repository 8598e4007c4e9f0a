"""The pages of tenants."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.forms import Field
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.badges import badge
from routing.admin.base.columns import ChosenColumns
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.model_admin import ServiceModelAdmin
from routing.admin.base.notes import NotesPages
from routing.admin.base.pulls import pulls_panel
from routing.admin.base.sizes import SizeField, in_words
from routing.admin.base.suspension import Suspension
from routing.admin.people.policy import PolicyPages
from routing.admin.people.tenant_removal import TenantRemovalPages
from routing.models import Hostname, HostnameClaim, Membership, StreamedBytes, Tenant
from routing.models.streamed import this_month
from routing.services.base.permissions import Permission
from routing.services.base.quotas import HELD, quota_for
from routing.services.people.tenants import add_tenant, suspend_tenants, update_tenant
from routing.services.pulls.reading import Scope

_LIMITS = ("max_hostnames", "max_mappings", "max_registries", "max_members", "max_streamed_bytes")


class TenantAdmin(
    PolicyPages, TenantRemovalPages, ChosenColumns, Suspension, NotesPages, HistoryPages, ServiceModelAdmin
):
    """Organisations, and whether they are served."""

    list_display_links = ("name",)
    list_filter = ("suspended",)
    search_fields = ("name", "slug")
    search_help_text = "Name or slug."
    empty_list_text = "The first mapping adds the tenant “default”, which is enough for one organisation."

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Field | None:
        """A number of bytes is typed with its unit."""
        if db_field.name == "slug":
            kwargs["label"] = "Slug"
        if db_field.name == "max_streamed_bytes":
            return SizeField(
                required=False,
                label="Streamed layers a month at most",
                help_text="Such as 100 GiB; counted by calendar month (UTC). 0: none. Empty: the platform's limit.",
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """Who it is; then, for who may change it, how much it may have. Suspending is an action."""
        who = (None, {"fields": ["name", "slug"]})
        if obj is not None and not self.has_change_permission(request, obj):
            return [who]
        return [
            who,
            ("Limits", {"fields": list(_LIMITS)}),
            (None, {"fields": ["reason"]}),
        ]

    def change_view_context(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        """The page also shows how much of its limits the tenant uses."""
        limits, month = quota_for(row), this_month()
        streamed = StreamedBytes.objects.filter(tenant=row, month=month).values_list("streamed_bytes", flat=True)
        passed = streamed.first() or 0
        own = f"tenant__id__exact={row.pk}"
        claims = HostnameClaim.objects.filter(tenant=row).count()
        claims_too = f"Hostnames ({claims} claimed)" if claims else "Hostnames"
        nouns = ("hostname", "mapping", "registry", "membership")
        lists = {noun: reverse(f"admin:routing_{noun}_changelist") for noun in nouns}
        return {
            **super().change_view_context(request, row),
            "usage": [
                (claims_too, f"{lists['hostname']}?{own}", HELD["hostnames"](row), limits.hostnames),
                ("Mappings", f"{lists['mapping']}?hostname__{own}", HELD["mappings"](row), limits.mappings),
                ("Registries", f"{lists['registry']}?{own}", HELD["registries"](row), limits.registries),
                (
                    "Members and invitations",
                    f"{lists['membership']}?{own}",
                    HELD["members"](row),
                    limits.members,
                ),
                ("Streamed this month", "", in_words(passed), in_words(limits.streamed_bytes)),
            ],
            "members_url": f"{lists['membership']}?{own}",
            "member_count": Membership.objects.filter(tenant=row).count(),
            "first_deeds": self._first_deeds(request, row),
            "pulls": pulls_panel(request, Scope(tenant=row.slug)),
            "quota_exhausted": passed >= limits.streamed_bytes,
            "next_month": (month + timedelta(days=31)).replace(day=1),
        }

    def _first_deeds(self, request: HttpRequest, row: Tenant) -> list[tuple[str, str]]:
        """What a new tenant needs: (words, address), as far as the asker may."""
        deeds = (
            ("Invite a member", "invitation", Permission.CHANGE_MEMBERS),
            ("Claim a hostname", "hostnameclaim", Permission.CHANGE_HOSTNAMES),
            ("Add a registry", "registry", Permission.CHANGE_REGISTRIES),
        )
        return [
            (words, f"{reverse(f'admin:routing_{noun}_add')}?tenant={row.pk}")
            for words, noun, permission in deeds
            if permissions.may(request, permission, row)
        ]

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Count each one's hostnames."""
        hostnames = permissions.viewable(request, Hostname.objects.filter(tenant__in=[row.pk for row in rows]))
        is_told = self.shows(request, "hostname_count")
        counts = dict(hostnames.order_by().values_list("tenant").annotate(Count("pk"))) if is_told else {}
        for row in rows:
            row.hostname_count = counts.get(row.pk, 0)

    @admin.display(ordering="suspended")
    def state(self, tenant: Tenant) -> str:
        """Whether it is served."""
        return badge("blocked", "suspended", tenant.suspension_message) if tenant.suspended else badge("on", "active")

    @admin.display(description="hostnames")
    def hostname_count(self, tenant: Tenant) -> str:
        """How many, leading to them."""
        count = getattr(tenant, "hostname_count", 0)
        url = reverse("admin:routing_hostname_changelist")
        return format_html('<a href="{}?tenant__id__exact={}">{}</a>', url, tenant.pk, count) if count else "0"

    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Tenant, list[str]]:
        """Save."""
        actor, reason = permissions.actor(request), form.cleaned_data["reason"]
        if not change:
            tenant = add_tenant(actor, reason, **form.facts)
            return tenant, [f"added tenant {tenant}"]
        outcome = update_tenant(actor, reason, tenant_id=form.instance.pk, if_match=form.if_match, **form.changes)
        return outcome.row, [f"changed tenant {outcome.row}"] if outcome.changed else []

    def suspend_all(
        self, request: HttpRequest, reason: str, ids: list[int], suspended: bool, message: str
    ) -> list[Tenant]:
        """Suspend or unsuspend."""
        return suspend_tenants(permissions.actor(request), reason, tenant_ids=ids, suspended=suspended, message=message)

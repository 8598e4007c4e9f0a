"""The pages on which a tenant leaves: what a removal takes and leaves, in numbers, and an export."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from routing.accounts.downloads import download
from routing.admin.base import permissions
from routing.models import Tenant
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.leaving.exports import export_tenant
from routing.services.leaving.tenant_removal import TenantRemoval, get_tenant_removal, remove_tenant

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class TenantRemovalPages(_Base):
    """Removes a tenant with everything, and exports it. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the export."""
        view = self.admin_site.admin_view(self.export_view)
        return [path("<int:tenant_id>/export/", view, name="routing_tenant_export"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        """The page also leads to the export."""
        may_export = permissions.may(request, Permission.EXPORT, row)
        return {
            **super().change_view_context(request, row),
            "export_url": self.url("export", row.pk) if may_export else "",
        }

    def export_view(self, request: HttpRequest, tenant_id: int) -> HttpResponseBase:
        """The tenant as a JSON document."""
        tenant = self.row_for(request, tenant_id, Permission.EXPORT)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        pieces = export_tenant(permissions.actor(request), tenant_id=tenant_id)
        return download(request, pieces, f"tenant-{tenant.slug}.json")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Tell in numbers what goes and what stays, have the short name typed, and remove."""
        row = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if row is not None and self.has_delete_permission(request, row):
            context = {
                # Those go along.
                "uses": [],
                "removal": self._removal(request, row),
                "export_url": self.url("export", row.pk),
            }
        return super().delete_view(request, object_id, {**context, **(extra_context or {})})

    def delete_via_service(self, request: HttpRequest, row: Tenant, reason: str, if_match: Collection[int]) -> None:
        """Remove, with everything."""
        typed = request.POST.get("confirm", "").strip()
        if typed != row.slug and not self._removal(request, row).is_empty:
            raise ServiceError(f"type the slug, {row.slug}, to confirm that all of this is removed")
        remove_tenant(permissions.actor(request), reason, tenant_id=row.pk, everything=True, if_match=if_match)

    def _removal(self, request: HttpRequest, row: Tenant) -> TenantRemoval:
        return get_tenant_removal(permissions.actor(request), tenant_id=row.pk)

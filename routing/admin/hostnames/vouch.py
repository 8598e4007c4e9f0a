"""Operators of the platform vouch for a name: a claim becomes a hostname, or a hostname needs its proof no more."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from routing.admin.base import permissions
from routing.models import Hostname, HostnameClaim
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.claims import vouch_hostname

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class Vouching(_Base):
    """The page that asks why. Goes before ServiceModelAdmin."""

    def vouch_url(self, request: HttpRequest, row: HostnameClaim | Hostname) -> str:
        """Its address; "" for who may not."""
        return self.url("vouch", row.pk) if permissions.may(request, Permission.ADMINISTER, row) else ""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one."""
        view = self.admin_site.admin_view(self.vouch_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_vouch"
        return [path("<int:row_id>/vouch/", view, name=name), *super().get_urls()]

    def vouch_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Ask for a reason, and vouch."""
        row: Any = self.row_for(request, row_id, Permission.ADMINISTER)
        if request.method == "POST" and self.is_as_shown(request, row):
            reason = request.POST.get("reason", "")
            try:
                made = vouch_hostname(
                    permissions.actor(request),
                    reason,
                    tenant_id=row.tenant_id,
                    name=row.name,
                    if_match=frozenset((row.version,)),
                )
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
                return HttpResponseRedirect(self.url("change", row_id))
            self.message_lines(request, [f"Vouched for {made}, a hostname of {made.tenant}"], messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:routing_hostname_change", args=[made.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Vouch for {row}",
            "opts": self.opts,
            "original": row,
            "given": request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/vouch.html", context)

"""The proof of a hostname on its page: the record, what was found, and a button that looks now."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.admin.hostnames.vouch import Vouching
from routing.models import Hostname
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.proof import proof_record
from routing.services.hostnames.proof_checks import check_hostname

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class ProofPages(Vouching, _Base):
    """What the pages of hostnames have about their proof. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the look-up. In no transaction, as it may take seconds."""
        view = self.admin_site.admin_view(self.check_view)
        return [path("<int:hostname_id>/check/", view, name="routing_hostname_check"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Hostname) -> dict[str, Any]:
        """The page also shows the state of the proof."""
        record = proof_record(row)
        return {
            **super().change_view_context(request, row),
            "record": record,
            "check_url": self.url("check", row.pk)
            if record and permissions.may(request, Permission.CHANGE_HOSTNAMES, row)
            else "",
            "vouch_url": self.vouch_url(request, row) if record else "",
        }

    def check_view(self, request: HttpRequest, hostname_id: int) -> HttpResponse:
        """Look for the proof now, for seconds at most."""
        hostname = self.row_for(request, hostname_id, Permission.CHANGE_HOSTNAMES)
        if request.method == "POST" and self.is_as_shown(request, hostname):
            actor, reason = permissions.actor(request), request.POST.get("reason", "")
            try:
                found = check_hostname(
                    actor, reason, hostname_id=hostname_id, if_match=frozenset((hostname.version,))
                ).proof_finding
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                said = "Not found: see below" if found else f"The DNS record of {hostname} is there"
                self.message_lines(request, [said], messages.WARNING if found else messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", hostname_id))

"""The DNS records of a hostname on its page: those to set, what was found, and a button that looks now."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.admin.base.live import live_answer, wants_live_answer
from routing.admin.hostnames.vouch import Vouching
from routing.models import AddressState, Hostname, Mapping
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.address import address_records, needs_address
from routing.services.hostnames.proof import proof_record
from routing.services.hostnames.proof_checks import check_hostname
from routing.services.mappings.pull_command import pull_command

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
        """The page also shows what its owner has to do, and how far that is done."""
        may = permissions.may(request, Permission.CHANGE_HOSTNAMES, row) and needs_address(row.name)
        return {
            **super().change_view_context(request, row),
            **_set_up(request, row),
            "check_url": self.url("check", row.pk) if may else "",
            "vouch_url": self.vouch_url(request, row) if row.proof_token else "",
        }

    def check_view(self, request: HttpRequest, hostname_id: int) -> HttpResponse:
        """Look for the records now, for seconds at most. The page's script asks for the answer alone."""
        hostname = self.row_for(request, hostname_id, Permission.CHANGE_HOSTNAMES)
        if request.method == "POST" and wants_live_answer(request):
            with suppress(ServiceError):
                # Refused, such as for too many checks at once: shown is what is known.
                hostname = self._check(request, hostname)
            return live_answer(request, "admin/routing/hostname/set_up.html", _set_up(request, hostname))
        if request.method == "POST" and self.is_as_shown(request, hostname):
            try:
                found = self._check(request, hostname)
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                self.message_lines(request, *_said(found))
        return HttpResponseRedirect(self.url("change", hostname_id))

    @staticmethod
    def _check(request: HttpRequest, hostname: Hostname) -> Hostname:
        actor, reason = permissions.actor(request), request.POST.get("reason", "")
        return check_hostname(actor, reason, hostname_id=hostname.pk, if_match=frozenset((hostname.version,)))


def _set_up(request: HttpRequest, hostname: Hostname) -> dict[str, Any]:
    """What its owner has to do, with the state of each, and what to type then."""
    records = address_records(hostname)
    mapping = permissions.viewable(request, Mapping.objects.filter(hostname=hostname)).order_by("prefix").first()
    # Where nobody knows this facade's addresses, looking again finds nothing more.
    leads_here = hostname.address_state == AddressState.HERE or not records
    return {
        "original": hostname,
        "record": proof_record(hostname),
        "needs_address": needs_address(hostname.name),
        "address_records": records,
        "is_settled": leads_here and not hostname.proof_finding,
        "first_pull": "" if mapping is None else pull_command(mapping),
    }


def _said(found: Hostname) -> tuple[list[str], int]:
    """What the button found, as a message."""
    if found.proof_finding:
        return ["Not found: see below"], messages.WARNING
    lines = [f"The DNS record of {found} is there"] if found.proof_token else []
    is_wrong = found.address_state in (AddressState.MISSING, AddressState.ELSEWHERE, AddressState.PARTLY)
    return [*lines, found.address_finding], messages.WARNING if is_wrong else messages.SUCCESS

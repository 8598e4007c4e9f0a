"""The page on which a hostname is looked at as a client would, from the DNS to a layer."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.diagnosis.hostname import diagnose_hostname
from routing.diagnosis.report import Mark, Report
from routing.models import Hostname
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

#: How a step is shown: the kind of its badge, and its word.
BADGES = {
    Mark.GOOD: ("on", "good"),
    Mark.WARNING: ("off", "see to it"),
    Mark.BAD: ("blocked", "stops here"),
    Mark.SKIPPED: ("off", "not tried"),
}


class DoctorPages(_Base):
    """The page. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one. In no transaction, as it may take seconds."""
        view = self.admin_site.admin_view(self.doctor_view)
        return [path("<int:hostname_id>/doctor/", view, name="routing_hostname_doctor"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Hostname) -> dict[str, Any]:
        """The hostname's page leads here."""
        may = permissions.may(request, Permission.CHANGE_HOSTNAMES, row)
        return {
            **super().change_view_context(request, row),
            "doctor_url": self.url("doctor", row.pk) if may else "",
        }

    def doctor_view(self, request: HttpRequest, hostname_id: int) -> HttpResponse:
        """Look now, for a minute at most, and show what was found."""
        hostname = self.row_for(request, hostname_id, Permission.CHANGE_HOSTNAMES)
        report: Report | None = None
        if request.method == "POST":
            try:
                report = diagnose_hostname(permissions.actor(request), hostname_id=hostname_id)
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Check {hostname} as a client would",
            "opts": self.opts,
            "original": hostname,
            "report": report,
            "steps": [] if report is None else [(step, *BADGES[step.mark]) for step in report.steps],
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/hostname/doctor.html", context)

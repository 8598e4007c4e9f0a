"""The page of a hostname's self-tests: the reports that are kept, a test now, and links with which others read one."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.accounts.links import link_to
from routing.admin.base import permissions
from routing.admin.hostnames.doctor import BADGES
from routing.diagnosis.self_test import run_self_test, steps_of
from routing.models import Hostname, SelfTest
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.self_tests import (
    get_self_test,
    get_self_tests,
    share_path,
    share_self_test,
    unshare_self_test,
)

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class SelfTestPages(_Base):
    """The page. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one. In no transaction, as a test may take seconds."""
        view = self.admin_site.admin_view(self.self_tests_view)
        return [path("<int:hostname_id>/self-tests/", view, name="routing_hostname_self_tests"), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Hostname) -> dict[str, Any]:
        """The hostname's page tells the last result, and leads here."""
        return {
            **super().change_view_context(request, row),
            "self_test": SelfTest.objects.filter(hostname=row).defer("steps").first(),
            "self_tests_url": self.url("self_tests", row.pk),
            "self_test_may_run": permissions.may(request, Permission.CHANGE_HOSTNAMES, row),
        }

    def self_tests_view(self, request: HttpRequest, hostname_id: int) -> HttpResponse:
        """Show the reports; with POST test it now, share a report, or end that."""
        action = Permission.CHANGE_HOSTNAMES if request.method == "POST" else Permission.VIEW
        hostname = self.row_for(request, hostname_id, action)
        if request.method == "POST":
            return self._do_with_self_test(request, hostname)
        actor, may = permissions.actor(request), permissions.may(request, Permission.CHANGE_HOSTNAMES, hostname)
        rows = get_self_tests(actor, hostname_id)
        chosen = next((row for row in rows if str(row.pk) == request.GET.get("report")), rows[0] if rows else None)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Self-tests of {hostname}",
            "opts": self.opts,
            "original": hostname,
            "rows": rows,
            "chosen": chosen,
            "steps": [] if chosen is None else [(step, *BADGES[step.mark]) for step in steps_of(chosen)],
            "link": link_to(share_path(chosen)) if chosen is not None and chosen.share_nonce and may else "",
            "may": may,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/hostname/self_tests.html", context)

    def _do_with_self_test(self, request: HttpRequest, hostname: Hostname) -> HttpResponse:
        page = self.url("self_tests", hostname.pk)
        try:
            row, said = _done(permissions.actor(request), hostname, request.POST)
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return HttpResponseRedirect(page)
        self.message_lines(request, [said], messages.SUCCESS if row.passed else messages.WARNING)
        return HttpResponseRedirect(f"{page}?report={row.pk}")


def _done(actor: Actor, hostname: Hostname, given: Any) -> tuple[SelfTest, str]:
    """Do what was asked for. Raises ServiceError."""
    number = given.get("report", "")
    if given.get("deed") not in ("share", "unshare") or not number.isdecimal():
        row = run_self_test(actor, hostname_id=hostname.pk)
        return row, f"the self-test of {hostname} {'passed' if row.passed else 'failed'}"
    row = get_self_test(actor, hostname_id=hostname.pk, self_test_id=int(number))
    if given["deed"] == "share":
        return share_self_test(actor, "", self_test_id=row.pk), "everybody who has the link can read this report now"
    return unshare_self_test(actor, "", self_test_id=row.pk), "the link leads nowhere from now on"

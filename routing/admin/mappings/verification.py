"""Pages on which a switch of a mapping is verified: what is to be compared, and the report, also while it is made."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.admin.base.forms import name_input
from routing.admin.base.live import go_on, live_answer, wants_live_answer
from routing.admin.mappings.forms import LOOK
from routing.models import Mapping, Verification
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.verifications import verifications as verbs
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.repointing import look_before
from routing.services.verifications.reports import cost_in_words, csv_lines, plan_of, summary
from routing.verification.contents import Blobs
from routing.verification.copy_plan import Tool
from routing.verification.differences import Kind

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

_SHOWN_REPORTS, _PER_PAGE = 10, 100
_MEANINGS = {kind.value: kind.meaning for kind in Kind}
_LIVE = "admin/routing/mapping/report_live.html"
_BADGES = {"waiting": "off", "running": "off", "done": "on", "stopped": "off", "failed": "blocked"}


class VerifyForm(forms.Form):
    """What to compare with, and how much."""

    target = forms.CharField(
        label="Would point to",
        max_length=1000,
        help_text="Registry and path there, such as ghcr.io/acme.",
        widget=name_input(placeholder="ghcr.io/acme"),
    )
    add = forms.CharField(
        label="Also compare",
        required=False,
        max_length=20_000,
        help_text="Tags or digests beside those that the present registry lists, one a line; or REPOSITORY:TAG below "
        "the prefix.",
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40}),
    )
    blobs = forms.ChoiceField(
        label="Layers",
        initial=Blobs.SAMPLE.value,
        choices=[
            (Blobs.SAMPLE.value, "ask for a sample"),
            (Blobs.ALL.value, "ask for all"),
            (Blobs.NONE.value, "ask for none"),
        ],
    )


class VerificationPages(_Base):
    """The pages. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, these."""
        verify = self.admin_site.admin_view(self.verify_view)
        report = self.admin_site.admin_view(self.report_view)
        return [
            path("<int:row_id>/verify/", verify, name="routing_mapping_verify"),
            path("<int:row_id>/verify/<int:report_id>/", report, name="routing_mapping_report"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Before a mapping is repointed, look at its target: here, since the form is judged within a transaction."""
        if request.method == "POST" and object_id is not None and not request.POST.get("skip_verification"):
            self._look(request, unquote(object_id))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _look(self, request: HttpRequest, object_id: str) -> None:
        target = request.POST.get("target", "").strip()
        mapping = self.get_object(request, object_id)
        if mapping is None or not self.has_change_permission(request, mapping) or target in ("", mapping.target):
            return
        if not request.POST.get("reason", "").strip():
            return
        # What is wrong with the target, the form says.
        with suppress(ServiceError):
            look = look_before(permissions.actor(request), mapping, target)
            setattr(request, LOOK, look)
            if look.said and not look.differs:
                self.message_lines(request, [look.said], messages.INFO)

    def change_view_context(self, request: HttpRequest, row: Mapping) -> dict[str, Any]:
        """The mapping's page leads here."""
        may = permissions.may(request, Permission.CHANGE_MAPPINGS, row)
        return {**super().change_view_context(request, row), "verify_url": self.url("verify", row.pk) if may else ""}

    def verify_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Say what is to be compared; the report is then made meanwhile."""
        mapping = self.row_for(request, row_id, Permission.CHANGE_MAPPINGS)
        form = VerifyForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            started = self._start(request, mapping, form)
            if started is not None:
                return HttpResponseRedirect(self.url("report", mapping.pk, started.pk))
        reports = [
            (self.url("report", mapping.pk, row.pk), row, summary(row), _BADGES[row.state])
            for row in _reports_of(request, mapping)[:_SHOWN_REPORTS]
        ]
        context = {**self._context(request, mapping, "Verify first"), "form": form, "reports": reports}
        return TemplateResponse(request, "admin/routing/mapping/verify.html", context)

    def report_view(self, request: HttpRequest, row_id: int, report_id: int) -> HttpResponseBase:
        """The report, as far as it is; or a file of it. A POST stops it, or asks how far it is."""
        mapping = self.row_for(request, row_id, Permission.VIEW)
        row = next((each for each in _reports_of(request, mapping) if each.pk == report_id), None)
        if row is None:
            raise Http404
        if wants_live_answer(request):
            if row.is_over:
                # There is more to show by now, and nothing to stop.
                return go_on(request.get_full_path())
            return live_answer(request, _LIVE, self._report(mapping, row, request))
        if request.method == "POST":
            if request.POST.get("deed") == "stop":
                self._stop(request, row)
            return HttpResponseRedirect(self.url("report", mapping.pk, row.pk))
        given = request.GET.get("format", "")
        if given == "csv":
            found = verbs.get_differences(permissions.actor(request), verification_id=row.pk)
            answer = StreamingHttpResponse(csv_lines(found.iterator()))
            return _as_file(answer, "text/csv", f"verification-{row.pk}.csv")
        if given in list(Tool):
            name = f"copy-{row.pk}.{'yml' if given == Tool.REGSYNC else 'sh'}"
            return _as_file(HttpResponse(plan_of(row, Tool(given))), "text/plain", name)
        context = {**self._context(request, mapping, f"Verification {row.pk}"), **self._report(mapping, row, request)}
        return TemplateResponse(request, "admin/routing/mapping/report.html", context)

    # ---------------------------------------------------------------- how
    def _start(self, request: HttpRequest, mapping: Mapping, form: VerifyForm) -> Verification | None:
        given = form.cleaned_data
        options = verbs.Options(add=tuple(given["add"].split()), blobs=given["blobs"])
        try:
            return verbs.start_verification(
                permissions.actor(request), candidates=[Candidate(mapping.pk, given["target"])], options=options
            )
        except ServiceError as refusal:
            for name, said in refusal.fields.items():
                for text in said:
                    form.add_error(name if name in form.fields else None, text)
            if not refusal.fields:
                form.add_error(None, refusal.message)
        return None

    def _stop(self, request: HttpRequest, row: Verification) -> None:
        try:
            verbs.stop_verification(permissions.actor(request), verification_id=row.pk)
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)

    def _context(self, request: HttpRequest, mapping: Mapping, title: str) -> dict[str, Any]:
        facts = {"title": title, "opts": self.opts, "original": mapping, "media": self.media}
        return {**self.admin_site.each_context(request), **facts}

    def _report(self, mapping: Mapping, row: Verification, request: HttpRequest) -> dict[str, Any]:
        kind = request.GET.get("kind", "")
        kind = kind if kind in list(Kind) else ""
        found = verbs.get_differences(permissions.actor(request), verification_id=row.pk, kind=kind)
        page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
        return {
            "report": row,
            "badge": _BADGES[row.state],
            "summary": summary(row),
            "cost": cost_in_words(row),
            "switches": [(each["old"]["target"], each["new"]["target"]) for each in row.switches],
            "kinds": [(name, row.counts[name], _MEANINGS.get(name, "")) for name in sorted(row.counts)],
            "kind": kind,
            "page": page,
            "query": f"{urlencode({'kind': kind})}&" if kind else "",
            "tools": [tool.value for tool in Tool],
            "may_stop": not row.is_over and permissions.may(request, Permission.CHANGE_MAPPINGS, mapping),
            "url": self.url("report", mapping.pk, row.pk),
        }


def _reports_of(request: HttpRequest, mapping: Mapping) -> list[Verification]:
    """The reports that are about a mapping, the newest first. A tenant keeps few, so all are looked through."""
    rows = Verification.objects.viewable_by(permissions.actor(request)).with_names()
    # A change set's of several tenants is nobody's, and seen by operators of the platform alone.
    own = rows.filter(Q(tenant=mapping.hostname.tenant_id) | Q(tenant=None))
    return [row for row in own if any(each["mapping_id"] == mapping.pk for each in row.switches)]


def _as_file(response: HttpResponseBase, content_type: str, name: str) -> HttpResponseBase:
    response["Content-Type"] = f"{content_type}; charset=utf-8"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response

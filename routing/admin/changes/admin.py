"""The pages of change sets: all of them, and one as it is reviewed, approved, applied and undone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.badges import ago, badge, told
from routing.admin.base.live import live_answer, wants_live_answer
from routing.admin.base.model_admin import ServiceModelAdmin
from routing.core.grammar.numbers import parse_number
from routing.models import ChangeSet, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.live_on import live_on
from routing.services.base.permissions import Permission
from routing.services.changes.applying import apply, undo
from routing.services.changes.approval import approve
from routing.services.changes.diff import diff
from routing.services.changes.drafts import discard, get_change_set, get_differences, present_mappings, redraft
from routing.services.changes.guards import Words, guards_of
from routing.services.changes.plan import PAUSE, Plan, in_percent, parse_plan
from routing.services.changes.rechecking import recheck_in_words
from routing.services.changes.reports import moved_rows, report_of, verify_set
from routing.services.changes.schedule import schedule
from routing.services.changes.steps import apply_in_steps, go_on, stop_and_return
from routing.services.verifications.reports import summary

_KINDS = {"applied": "on", "approved": "on", "undone": "off", "discarded": "off"}
_LIVE = "admin/routing/changeset/live.html"
_SHOWN = 500
_MAX_REASON = 1_000


class ChangeSetAdmin(ServiceModelAdmin):
    """They come to be by an action of the list of mappings, by the API and the command line."""

    action = Permission.CHANGE_MAPPINGS
    list_display = ("number", "tenant_name", "state_badge", "size", "message", "planned", "drafted")
    list_select_related = ("tenant",)
    list_filter = ("state",)
    search_fields = ("message", "drafted_by")
    search_help_text = "Message, or who drafted it."
    empty_list_text = "To draft one: choose mappings in their list, and then “Repoint…” among the actions."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Not from an empty form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: it is what was done."""
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Those that the asker may see."""
        return super().get_queryset(request).select_related("tenant").defer("rows", "basis")

    def get_urls(self) -> list[URLPattern]:
        """The list and the one page of each."""
        return [url for url in super().get_urls() if not (url.name or "").endswith(("_add", "_delete"))]

    # ---------------------------------------------------------------- the list
    @admin.display(description="change set", ordering="-pk")
    def number(self, change_set: ChangeSet) -> str:
        """Its number."""
        return f"#{change_set.pk}"

    @admin.display(description="tenant", ordering="tenant__name")
    def tenant_name(self, change_set: ChangeSet) -> str:
        """Whose mappings it changes."""
        return change_set.tenant.name if change_set.tenant else "several"

    @admin.display(description="state", ordering="state")
    def state_badge(self, change_set: ChangeSet) -> str:
        """How far it has come."""
        return badge(_KINDS.get(change_set.state, "blocked"), change_set.get_state_display())

    @admin.display(description="to be applied", ordering="apply_at")
    def planned(self, change_set: ChangeSet) -> str:
        """When its time comes."""
        if not change_set.apply_at or not change_set.is_open:
            return ""
        unverified = ", not verified" if change_set.skip_verification else ""
        return f"{told(change_set.apply_at)}{unverified}"

    @admin.display(ordering="-drafted_at")
    def drafted(self, change_set: ChangeSet) -> str:
        """When and by whom."""
        return format_html('{} <span class="quiet">{}</span>', ago(change_set.drafted_at), change_set.drafted_by)

    # ---------------------------------------------------------------- one
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Review it; or do what a button of the page says."""
        pk = parse_number(unquote(object_id))
        if pk is None:
            raise Http404
        change_set: ChangeSet = self.row_for(request, pk, Permission.VIEW)
        change_set = get_change_set(permissions.actor(request), change_set.pk)
        if request.method == "POST" and wants_live_answer(request):
            return live_answer(request, _LIVE, _live_context(request, change_set))
        if request.method == "POST":
            if not permissions.may(request, self.action, change_set):
                raise PermissionDenied
            deed = _DEEDS.get(request.POST.get("deed", ""))
            if deed is not None:
                return self._do(request, change_set, deed)
        return self._review(request, change_set)

    def _do(
        self,
        request: HttpRequest,
        change_set: ChangeSet,
        deed: Callable[[HttpRequest, ChangeSet], tuple[ChangeSet, str]],
    ) -> HttpResponse:
        try:
            after, said = deed(request, change_set)
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return self._review(request, get_change_set(permissions.actor(request), change_set.pk))
        self.message_lines(request, [said], messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", after.pk))

    def _review(self, request: HttpRequest, change_set: ChangeSet) -> HttpResponse:
        actor = permissions.actor(request)
        mappings = present_mappings(actor, change_set)
        lines = diff(change_set)
        is_drafter = change_set.drafter_id == actor.user.pk
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Change set {change_set.pk}",
            "opts": self.opts,
            "change_set": change_set,
            "state_kind": _KINDS.get(change_set.state, "blocked"),
            "lines": lines[:_SHOWN],
            "more": max(len(lines) - _SHOWN, 0),
            "may": permissions.may(request, self.action, change_set),
            "may_approve": change_set.is_open and not change_set.approved_at and not is_drafter,
            "differences": get_differences(actor, change_set.pk),
            "guards": guards_of(change_set, mappings) if change_set.is_open else None,
            # What goes back may take credentials along.
            "undo_credentials": guards_of(change_set, mappings).credentials if change_set.state == "applied" else [],
            **_report_context(actor, change_set, mappings),
            **_steps_context(change_set),
            **_live_context(request, change_set),
            "can_verify": bool(moved_rows(change_set)),
            "recheck": _recheck(change_set),
            "given": request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/changeset/review.html", context)


def _report_context(actor: Actor, change_set: ChangeSet, mappings: Sequence[Mapping]) -> dict[str, Any]:
    """Its report, and the page of that, which stands with one of its mappings."""
    found = report_of(actor, change_set)
    if found is None:
        return {"report": None}
    report, compared = found.report, {switch["mapping_id"] for switch in found.report.switches}
    place = next((mapping.pk for mapping in mappings if mapping.pk in compared), None)
    url = place and reverse("admin:routing_mapping_report", args=(place, report.pk))
    return {"report": report, "report_url": url, "report_said": summary(report), "misfits": found.misfits}


def _live_context(request: HttpRequest, change_set: ChangeSet) -> dict[str, Any]:
    """On how many processes is live what it put in force; which are behind is for those who run the servers."""
    is_in_force = change_set.state in (ChangeSet.State.APPLIED, ChangeSet.State.IN_STEPS)
    if not is_in_force or change_set.generation is None:
        return {"live": None}
    live = live_on(change_set.generation)
    may_know = permissions.may(request, Permission.ADMINISTER, None)
    return {"change_set": change_set, "live": live, "behind": list(dict.fromkeys(live.behind)) if may_know else []}


def _recheck(change_set: ChangeSet) -> str:
    """What becomes of its verification, or that there was none."""
    is_planned = change_set.state == ChangeSet.State.SCHEDULED
    return recheck_in_words(change_set) if is_planned or change_set.skip_verification else ""


def _steps_context(change_set: ChangeSet) -> dict[str, Any]:
    """In which steps it is applied, and where it is."""
    is_stepping = change_set.state == ChangeSet.State.IN_STEPS
    return {
        "is_stepping": is_stepping,
        "shares": ", ".join(map(in_percent, change_set.shares)),
        "step_count": len(change_set.shares),
        "share": in_percent(change_set.share),
        "next_share": in_percent(change_set.next_share),
        "pause": PAUSE,
    }


def _words(request: HttpRequest) -> Words:
    return Words(parse_number(request.POST.get("confirm", "").strip()), "credentials_move" in request.POST)


def _reviewed(request: HttpRequest, change_set: ChangeSet) -> dict[str, Any]:
    return {"change_set_id": change_set.pk, "checksum": request.POST.get("checksum", "")}


def _apply(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    applied = apply(permissions.actor(request), **_reviewed(request, change_set), words=_words(request))
    return applied, f"Applied: {applied.size} mapping{'' if applied.size == 1 else 's'}, all at once"


def _apply_in_steps(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    begun = apply_in_steps(
        permissions.actor(request), **_reviewed(request, change_set), plan=_plan(request), words=_words(request)
    )
    return begun, f"Begun: {len(begun.shares)} steps. The first is made once the health gate has looked"


def _plan(request: HttpRequest) -> Plan:
    return parse_plan(request.POST.get("steps", ""), request.POST.get("pause", ""))


def _go_on(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    after = go_on(permissions.actor(request), change_set_id=change_set.pk)
    return after, f"Step {after.step} of {len(after.shares)} is made"


def _stop(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    after = stop_and_return(permissions.actor(request), request.POST.get("why", ""), change_set_id=change_set.pk)
    return after, "Stopped: all that it had moved is led back"


def _schedule(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    planned = schedule(
        permissions.actor(request),
        **_reviewed(request, change_set),
        at=_moment(request.POST.get("at", "")),
        words=_words(request),
        plan=_plan(request) if request.POST.get("steps", "").strip() else None,
        skip_verification=request.POST.get("skip_verification", "")[:_MAX_REASON],
    )
    return planned, "It is applied when its time comes, if all is as it is now"


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ServiceError.for_field("at", "Type a time such as 2026-03-01 22:00") from error
    return at if at.tzinfo else at.replace(tzinfo=timezone.get_current_timezone())


def _approve(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    return approve(permissions.actor(request), **_reviewed(request, change_set)), "Approved"


def _verify(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    verify_set(permissions.actor(request), change_set_id=change_set.pk)
    return change_set, "It is being verified: look at the report"


def _redraft(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    return redraft(permissions.actor(request), change_set_id=change_set.pk), "Drafted once more, on what is there now"


def _discard(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    return discard(permissions.actor(request), change_set_id=change_set.pk), "Discarded"


def _undo(request: HttpRequest, change_set: ChangeSet) -> tuple[ChangeSet, str]:
    back = undo(
        permissions.actor(request),
        request.POST.get("message", ""),
        change_set_id=change_set.pk,
        words=_words(request),
    )
    return back, f"Change set {change_set.pk} is undone, by this one"


_DEEDS: dict[str, Callable[[HttpRequest, ChangeSet], tuple[ChangeSet, str]]] = {
    "apply": _apply,
    "apply in steps": _apply_in_steps,
    "go on": _go_on,
    "stop": _stop,
    "schedule": _schedule,
    "approve": _approve,
    "verify": _verify,
    "redraft": _redraft,
    "discard": _discard,
    "undo": _undo,
}

"""Repointing several mappings, and rolling one back: both end in a change set, which has its page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from routing.admin.base import permissions
from routing.admin.base.bulk import MOST_AT_ONCE
from routing.admin.base.filters import is_id
from routing.models import ChangeSet, Mapping
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.changes.applying import roll_back
from routing.services.changes.diff import diff
from routing.services.changes.drafts import draft
from routing.services.changes.guards import Words, guards_of
from routing.services.changes.wishes import wishes_to_repoint

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

_SHOWN = 20


class Repointing(_Base):
    """The action and the page. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the way back."""
        view = self.admin_site.admin_view(self.roll_back_view)
        return [
            path("<int:row_id>/roll-back/<int:entry>/", view, name="routing_mapping_roll_back"),
            *super().get_urls(),
        ]

    @admin.action(description="Repoint…", permissions=["change"])
    def repoint_all(self, request: HttpRequest, mappings: "QuerySet[Mapping]") -> HttpResponse | None:
        """Ask where the chosen mappings shall lead, and draft a change set of that."""
        chosen = list(mappings[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            said = f"Choose at most {MOST_AT_ONCE} mappings at once; for more there is “facade changes draft”"
            self.message_lines(request, [said], messages.ERROR)
            return None
        if not chosen:
            # They were there when the list was shown.
            self.message_lines(request, ["None of these mappings is there any more"], messages.WARNING)
            return None
        if "confirmed" in request.POST:
            try:
                return HttpResponseRedirect(_page_of(_drafted(request, chosen)))
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Repoint {len(chosen)} mapping{'' if len(chosen) == 1 else 's'}",
            "opts": self.opts,
            "rows": chosen,
            "shown": chosen[:_SHOWN],
            "more": max(len(chosen) - _SHOWN, 0),
            "source": request.POST.get("source", _common_target(chosen)),
            "given": request.POST,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/mapping/repoint.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All entries, with a way back to each for those who may change the mapping."""
        row = self.get_queryset(request).filter(pk=object_id).first() if is_id(object_id) else None
        may = row is not None and permissions.may(request, self.action, row)
        return super().history_view(request, object_id, {"rolls_back": may, **(extra_context or {})})

    def roll_back_view(self, request: HttpRequest, row_id: int, entry: int) -> HttpResponse:
        """Show what going back to an entry changes, and ask why; then do it."""
        row: Mapping = self.row_for(request, row_id, Permission.CHANGE_MAPPINGS)
        if not permissions.viewable(request, Mapping.history.filter(id=row_id, history_id=entry)).exists():
            raise Http404
        actor = permissions.actor(request)
        if request.method == "POST":
            words = Words(credentials_move="credentials_move" in request.POST)
            try:
                change_set = roll_back(actor, request.POST.get("reason", ""), mapping_id=row_id, to=entry, words=words)
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                self.message_lines(request, [f"Rolled {row.source} back"], messages.SUCCESS)
                return HttpResponseRedirect(_page_of(change_set))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Roll {row.source} back",
            "opts": self.opts,
            "original": row,
            "given": request.POST,
            "media": self.media,
            **_foreseen(request, row, entry),
        }
        return TemplateResponse(request, "admin/routing/mapping/roll_back.html", context)


def _drafted(request: HttpRequest, chosen: list[Mapping]) -> ChangeSet:
    actor = permissions.actor(request)
    wishes = wishes_to_repoint(
        actor,
        source=request.POST.get("source", "").strip() or None,
        target=request.POST.get("target", ""),
        mapping_ids=[mapping.pk for mapping in chosen],
    )
    return draft(actor, request.POST.get("reason", ""), wishes=wishes)


def _page_of(change_set: ChangeSet) -> str:
    return reverse("admin:routing_changeset_change", args=[change_set.pk])


def _common_target(chosen: list[Mapping]) -> str:
    """What all of them lead below: the registry, with the components that their paths begin with."""
    if len({mapping.registry_id for mapping in chosen}) != 1:
        return ""
    common: list[str] = []
    for parts in zip(*(mapping.upstream_prefix.split("/") for mapping in chosen), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    if len(chosen) == 1:
        common.pop()
    return "/".join([chosen[0].registry.authority, *common]).rstrip("/")


def _foreseen(request: HttpRequest, row: Mapping, entry: int) -> dict[str, Any]:
    """What it would change, as a dry run finds it."""
    try:
        with dry_run():
            change_set = roll_back(
                permissions.actor(request), "foreseen", mapping_id=row.pk, to=entry, words=Words(credentials_move=True)
            )
    except ServiceError as refusal:
        return {"obstacle": refusal.message}
    credentials = guards_of(change_set, [row]).credentials_in_words
    return {"steps": diff(change_set)[0].steps, "credentials": credentials}

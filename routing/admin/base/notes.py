"""Notes on the pages of a noun: the newest beside its history, all of them, with a form, on a page of their own."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.admin.base.badges import ago
from routing.core.grammar.numbers import parse_number
from routing.models import Note
from routing.models.note import MAX_NOTE_LENGTH
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, has_permission
from routing.services.people.notes import (
    NO_SECRETS,
    SUBJECTS,
    add_note,
    get_notes,
    may_read_notes,
    may_remove_note,
    remove_note,
)

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

NOTES_PER_PAGE = 20
NOTES_ON_PAGE = 3


class ShownNote(NamedTuple):
    """A note, and whether who looks may remove it."""

    note: Note
    may_remove: bool

    @property
    def ago(self) -> str:
        """How long ago it was written, in words."""
        return ago(self.note.created_at)


class NotesPages(_Base):
    """The panel and the page. Goes before HistoryPages."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, this one."""
        view = self.admin_site.admin_view(self.notes_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_notes"
        return [path("<int:pk>/notes/", view, name=name), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The row's page shows the newest, to whoever may read them."""
        context = super().change_view_context(request, row)
        actor = permissions.actor(request)
        if not may_read_notes(actor, row):
            return context
        newest = list(Note.objects.filter(**{self._noun: row})[: NOTES_ON_PAGE + 1])
        shown = [ShownNote(note, may_remove=False) for note in newest[:NOTES_ON_PAGE]]
        return {
            **context,
            "notes": shown,
            "notes_url": self.url("notes", row.pk),
            "more_notes": len(newest) > NOTES_ON_PAGE,
            "may_write_notes": has_permission(actor, SUBJECTS[self._noun].writes, row.owning_tenant),
        }

    def notes_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All of them, the newest first; to write one, and to remove one."""
        row = self.row_for(request, pk, Permission.VIEW)
        actor = permissions.actor(request)
        if not may_read_notes(actor, row):
            raise PermissionDenied
        may_write = has_permission(actor, SUBJECTS[self._noun].writes, row.owning_tenant)
        if request.method == "POST" and "remove" not in request.POST and not may_write:
            raise PermissionDenied
        if request.method == "POST" and self._done(request, actor, pk):
            return HttpResponseRedirect(self.url("notes", pk))
        page = Paginator(get_notes(actor, noun=self._noun, pk=pk), NOTES_PER_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Notes",
            "subtitle": str(row),
            "opts": self.opts,
            "original": row,
            "page": page,
            "notes": [ShownNote(note, may_remove_note(actor, note, row.owning_tenant)) for note in page.object_list],
            "may_write_notes": may_write,
            "help": NO_SECRETS,
            "most": MAX_NOTE_LENGTH,
            "given": request.POST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/notes.html", context)

    def _done(self, request: HttpRequest, actor: Actor, pk: int) -> bool:
        """Write, or remove, what was sent. Where that is refused the page says why, and keeps what was typed."""
        removed = parse_number(request.POST.get("remove", ""))
        try:
            if removed is not None:
                remove_note(actor, note_id=removed)
            else:
                add_note(actor, noun=self._noun, pk=pk, text=request.POST.get("text", ""))
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return False
        said = "Removed the note" if removed is not None else "Wrote the note"
        self.message_lines(request, [said], messages.SUCCESS)
        return True

    @property
    def _noun(self) -> str:
        return str(self.opts.model_name)

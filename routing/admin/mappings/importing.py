"""The page that takes a table of mappings, as their list is exported, back as a draft."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from routing.admin.base import permissions
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.changes.drafts import draft
from routing.services.changes.imports import Deed, Preview, preview_import, wishes_of_csv
from routing.services.mappings.csv_export import COLUMNS

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

#: What a request's body may be, with room for the rest of the form.
MAX_FILE_BYTES = 2 * 1024 * 1024
_SHOWN = 500


class Importing(_Base):
    """The page, and its link at the list. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the form."""
        wrap = self.admin_site.admin_view
        return [path("import/", wrap(self.import_view), name="routing_mapping_import"), *super().get_urls()]

    def object_tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """For those who change mappings, the way back from a file."""
        may = permissions.may(request, Permission.CHANGE_MAPPINGS, None)
        return [*super().object_tools(request), *([("Import CSV", self.url("import"))] if may else [])]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a table, show what each line would do, and draft that. Nothing is written before."""
        if not permissions.may(request, Permission.CHANGE_MAPPINGS, None):
            raise PermissionDenied
        found, problem = None, ""
        if request.method == "POST":
            try:
                if "confirmed" in request.POST:
                    return self._drafted(request)
                found = preview_import(permissions.actor(request), _given(request))
            except ServiceError as refusal:
                problem = refusal.message
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Import mappings",
            "opts": self.opts,
            "columns": COLUMNS,
            "problem": problem,
            "given": request.POST,
            "media": self.media,
            **(_shown(found) if found else {}),
        }
        return TemplateResponse(request, "admin/routing/mapping/import.html", context)

    def _drafted(self, request: HttpRequest) -> HttpResponse:
        actor = permissions.actor(request)
        wishes = wishes_of_csv(actor, request.POST.get("csv", ""))
        change_set = draft(actor, request.POST.get("reason", ""), wishes=wishes)
        self.message_lines(request, ["Drafted. Nothing is changed yet: look at it, and apply it"], messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:routing_changeset_change", args=[change_set.pk]))


def _given(request: HttpRequest) -> bytes | str:
    """The file, or what was pasted. Raises ServiceError."""
    file = request.FILES.get("file")
    pasted: str = request.POST.get("csv", "")
    if file is None:
        if not pasted.strip():
            raise ServiceError.for_field("csv", "choose a file, or paste a table")
        return pasted
    if pasted.strip():
        raise ServiceError.for_field("csv", "choose a file or paste a table, not both")
    if file.size is None or file.size > MAX_FILE_BYTES:
        said = f"the file has more than {MAX_FILE_BYTES // 1024 // 1024} MiB: split it, or use “facade changes draft”"
        raise ServiceError.for_field("csv", said)
    content: bytes = file.read()
    return content


def _shown(found: Preview) -> dict[str, Any]:
    """What is wrong comes first: it keeps the rest from being drafted."""
    lines = sorted(found.lines, key=lambda line: (line.deed is not Deed.WRONG, line.number))
    counts = [(deed, count) for deed, count in found.counts.items() if count]
    return {
        "found": found,
        "wrong": found.counts[Deed.WRONG],
        "counts": counts,
        "lines": lines[:_SHOWN],
        "more": found.counts[Deed.WRONG] + found.changes - len(lines[:_SHOWN]),
    }

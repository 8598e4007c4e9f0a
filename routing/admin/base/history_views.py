"""The history on the pages of a noun that keeps one: the newest beside the form, all of it on its own page."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.admin.base.as_of import as_of_context
from routing.admin.base.filters import is_id
from routing.admin.base.history import entries_of

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

HISTORY_PER_PAGE = 50
HISTORY_ON_PAGE = 5


class HistoryPages(_Base):
    """The pages of a noun with a history. Goes before ServiceModelAdmin."""

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a row's page shows beside its form."""
        history = permissions.viewable(request, row.history.all())[:HISTORY_ON_PAGE]
        return {
            **super().change_view_context(request, row),
            "keeps_history": True,
            "entries": entries_of(request, self.model, history),
        }

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything that was ever done to a row, also to one that is gone. Only to be looked at."""
        pk = unquote(object_id)
        row = self.get_object(request, pk)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        if not is_id(pk):
            raise Http404
        history = permissions.viewable(request, self.model.history.filter(id=pk))
        page = Paginator(history.order_by("-history_id"), HISTORY_PER_PAGE).get_page(request.GET.get("p"))
        if row is None and not page.object_list:
            raise Http404
        entries = entries_of(request, self.model, page.object_list)
        context = {
            **self.admin_site.each_context(request),
            "title": "History",
            "subtitle": str(row or entries[0].name),
            "opts": self.opts,
            "original": row,
            "page": page,
            "entries": entries,
            "is_kept_back": not entries and self.model.history.filter(id=pk).exists(),
            "media": self.media,
            **as_of_context(request, self.model, int(pk), row),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/routing/history.html", context)

"""What a list shows, on all its pages, as a file: a table for spreadsheets, and a configuration's document."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from routing.admin.base.saved_filters import filter_problem
from routing.services.base.errors import ServiceError
from routing.services.configuration.document import Document
from routing.services.configuration.writing import write_document
from routing.services.lists.shown_rows import MAX_ROWS_OF_A_DOCUMENT, MAX_ROWS_OF_A_TABLE, shown_rows

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class Exporting(_Base):
    """The two files, and their links at the list. Goes before ServiceModelAdmin."""

    #: The related rows that the files tell of.
    export_related: Sequence[str] = ()

    def table_of(self, rows: Iterable[Any]) -> Iterator[str]:
        """The lines of a table of these rows."""
        raise NotImplementedError

    def document_of(self, rows: Iterable[Any]) -> Document:
        """These rows as a document."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the files."""
        wrap, noun = self.admin_site.admin_view, f"routing_{self.opts.model_name}"
        return [
            path("export/", wrap(self.export_view), name=f"{noun}_export"),
            path("export/yaml/", wrap(self.export_yaml_view), name=f"{noun}_export_yaml"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, which links to itself as files."""
        shown = request.GET.urlencode()
        query = f"?{shown}" if shown else ""
        files = [
            ("Export as CSV", f"{self.url('export')}{query}"),
            ("Export as YAML", f"{self.url('export_yaml')}{query}"),
        ]
        return super().changelist_view(request, {"list_files": files, **(extra_context or {})})

    @method_decorator(require_safe)
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """All rows that the list shows on its pages, by the same filters, search and order, as a table."""
        try:
            rows = self._shown(request, MAX_ROWS_OF_A_TABLE)
        except _Unshown as unshown:
            return self._back(request, unshown)
        return self._file(self.table_of(rows), "text/csv", "csv")

    @method_decorator(require_safe)
    def export_yaml_view(self, request: HttpRequest) -> HttpResponseBase:
        """The same as a document that `facade apply` reads."""
        try:
            rows = self._shown(request, MAX_ROWS_OF_A_DOCUMENT)
        except _Unshown as unshown:
            return self._back(request, unshown)
        return self._file(write_document(self.document_of(rows)), "application/yaml", "yaml")

    def _shown(self, request: HttpRequest, most: int) -> Iterator[Any]:
        """Raises _Unshown where the list itself shows none of it, or where there are too many."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
            if problem := filter_problem(request):
                raise ServiceError(problem)
            return shown_rows(rows.select_related(*self.export_related), most)
        except IncorrectLookupParameters as error:
            raise _Unshown("") from error
        except ServiceError as refusal:
            raise _Unshown(refusal.message) from refusal

    def _back(self, request: HttpRequest, unshown: "_Unshown") -> HttpResponseBase:
        if not unshown.words:
            return HttpResponseRedirect(self.url("changelist"))
        self.message_lines(request, [unshown.words], messages.ERROR)
        return HttpResponseRedirect(f"{self.url('changelist')}?{request.GET.urlencode()}")

    def _file(self, lines: Iterator[str], content_type: str, ending: str) -> HttpResponseBase:
        name = str(self.opts.verbose_name_plural).replace(" ", "-")
        answer = StreamingHttpResponse(lines, content_type=f"{content_type}; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
        return answer


class _Unshown(Exception):
    """Why there is no file; "" where the list's address says nothing that it knows."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

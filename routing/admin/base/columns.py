"""The columns of a list: who looks at it chooses them, for themselves."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from routing.admin.base import permissions
from routing.admin.base.badges import ago
from routing.services.base.errors import ServiceError
from routing.services.lists.columns import COLUMNS, choose_columns, columns_of

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

_REMEMBERED = "_routing_columns"


class ColumnChoice(NamedTuple):
    """A column that may be chosen."""

    name: str
    label: str
    is_shown: bool


class ChosenColumns(_Base):
    """The choice at the list, and the columns by it. Goes before ServiceModelAdmin."""

    def may_choose(self, request: HttpRequest, name: str) -> bool:
        """Whether a column is one for whoever asks."""
        return True

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns that the asker chose, or those that everybody sees at first."""
        shown = COLUMNS[self._noun].shown(self._chosen(request))
        return [name for name in shown if self.may_choose(request, name)]

    def shows(self, request: HttpRequest, name: str) -> bool:
        """Whether the list has a column for whoever asks."""
        return name in self.get_list_display(request)

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, where a choice is sent."""
        view = self.admin_site.admin_view(self.columns_view)
        return [path("columns/", view, name=f"routing_{self._noun}_columns"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the choice."""
        shown = self.get_list_display(request)
        choices = [
            ColumnChoice(name, capfirst(str(label_for_field(name, self.model, self))), name in shown)
            for name in COLUMNS[self._noun].choices
            if self.may_choose(request, name)
        ]
        more = {"column_choices": choices, "columns_url": self.url("columns"), "shown_query": request.GET.urlencode()}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    @method_decorator(require_POST)
    def columns_view(self, request: HttpRequest) -> HttpResponse:
        """Keep a choice, or forget it, and go back to the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = None if "reset" in request.POST else request.POST.getlist("columns")
        try:
            choose_columns(permissions.actor(request), noun=self._noun, columns=chosen)
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
        query = QueryDict(request.POST.get("shown", "")[:_MAX_QUERY], mutable=True)
        # It names a column by its place, which may be another's by now.
        query.pop("o", None)
        return HttpResponseRedirect(f"{self.url('changelist')}?{query.urlencode()}".rstrip("?"))

    @admin.display(ordering="-pk")
    def created(self, row: Any) -> str:
        """When it was added."""
        return ago(row.created_at)

    @admin.display(ordering="pk")
    def number(self, row: Any) -> int:
        """By which the API names it."""
        return int(row.pk)

    @property
    def _noun(self) -> str:
        return str(self.opts.model_name)

    def _chosen(self, request: HttpRequest) -> Any:
        if not hasattr(request, _REMEMBERED):
            setattr(request, _REMEMBERED, columns_of(permissions.actor(request), self._noun))
        return getattr(request, _REMEMBERED)


_MAX_QUERY = 4000

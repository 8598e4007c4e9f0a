"""A button on a row's page that has a registry asked now."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.services.base.errors import ServiceError

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object


class ProbeNow(_Base):
    """The button, and what follows it. Goes before ServiceModelAdmin."""

    def probe_via_service(self, request: HttpRequest, row: Any, if_match: Collection[int]) -> None:
        """Call the verb, which may take seconds, and say what was found."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the probe. In no transaction, as it may take seconds."""
        view, name = self.admin_site.admin_view(self.probe_view), f"routing_{self.opts.model_name}_probe"
        return [path("<int:row_id>/probe/", view, name=name), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The page also says where the button leads, for those who may press it."""
        may = permissions.may(request, self.action, row)
        return {**super().change_view_context(request, row), "probe_url": self.url("probe", row.pk) if may else ""}

    def probe_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Ask now."""
        row = self.row_for(request, row_id, self.action)
        if request.method == "POST" and self.is_as_shown(request, row):
            try:
                self.probe_via_service(request, row, frozenset((row.version,)))
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
        return HttpResponseRedirect(self.url("change", row_id))

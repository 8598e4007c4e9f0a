"""What a form of mappings would do, told beside it while one types: what each client would meet, and who pulls."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from routing.admin.base import permissions
from routing.admin.base.filters import is_id
from routing.admin.base.pulls import DEFAULT_PERIOD, PERIODS, span_of
from routing.admin.mappings.preview import grouped
from routing.models import Mapping
from routing.services.base.errors import ServiceError
from routing.services.mappings.prospect import Wanted, prospect_of
from routing.services.pulls.reading import Scope, totals

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

_MAX_LENGTH = 1000


class Prospects(_Base):
    """The part of a page that the form's script asks for. Goes before ServiceModelAdmin."""

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, that part."""
        wrap = self.admin_site.admin_view
        return [path("prospect/", wrap(self.prospect_view), name="routing_mapping_prospect"), *super().get_urls()]

    @method_decorator(require_safe)
    def prospect_view(self, request: HttpRequest) -> HttpResponse:
        """Look at what was typed, and give `{"html": …}`; nothing is written, and no registry asked."""
        mapping = self._mapping(request)
        may = self.has_add_permission(request) if mapping is None else self.has_change_permission(request, mapping)
        if not may:
            raise PermissionDenied
        found, refusal = None, ""
        try:
            found = prospect_of(permissions.actor(request).looking(), _wanted(request, mapping))
        except ServiceError as error:
            refusal = error.message
        context = {
            "prospect": found,
            "refusal": refusal,
            "groups": grouped(found.client_support) if found else [],
            "mapping": mapping,
            "pulls": None if mapping is None else _pulls(request, mapping),
            "period_words": PERIODS[DEFAULT_PERIOD][1],
        }
        return JsonResponse({"html": render_to_string("admin/routing/mapping/prospect.html", context, request)})

    def _mapping(self, request: HttpRequest) -> Mapping | None:
        """The one whose form it is; None for that of a new one."""
        wanted = request.GET.get("mapping", "")
        if not wanted:
            return None
        rows: Any = self.get_queryset(request)
        found: Mapping | None = rows.filter(pk=wanted).first() if is_id(wanted) else None
        if found is None:
            raise Http404
        return found


def _wanted(request: HttpRequest, mapping: Mapping | None) -> Wanted:
    def typed(name: str) -> str:
        return request.GET.get(name, "").replace("\0", "").strip()[:_MAX_LENGTH]

    delivery = typed("delivery")
    return Wanted(
        hostname=mapping.hostname.name if mapping else typed("hostname"),
        prefix=mapping.prefix if mapping else typed("prefix"),
        target=typed("target"),
        enabled=mapping is None or bool(typed("enabled")),
        private=bool(typed("private")),
        allow_push=bool(typed("allow_push")),
        delivery=delivery if delivery in Mapping.Delivery.values else Mapping.Delivery.AUTO,
        tenant=typed("tenant"),
    )


def _pulls(request: HttpRequest, mapping: Mapping) -> int:
    scope = Scope(hostname=mapping.hostname.name, mapping=mapping.prefix)
    return totals(permissions.actor(request).looking(), scope, span_of(DEFAULT_PERIOD)).pulls

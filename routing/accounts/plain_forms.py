"""No NUL in what a page is asked with: PostgreSQL takes none in a text, and no name or word has one.

Forms refuse it in the fields that they know. Filters of lists, reasons on pages of their own and parameters of others
are looked at here, all at once. The API's JSON has its own rule (`routing/api/schemas.py`).
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.deprecation import MiddlewareMixin

from routing.accounts.error_pages import refusal

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class PlainFormsMiddleware(MiddlewareMixin):
    """Stands behind the check for forms of other sites, which reads a form within its bounds."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """None where the request may go on."""
        if "\0" in request.path_info or ("%00" in request.META.get("QUERY_STRING", "") and _has_nul(request.GET)):
            return _refusal(request)
        return _refusal(request) if request.content_type in _FORMS and _has_nul(request.POST) else None


def _has_nul(fields: QueryDict) -> bool:
    return any("\0" in name or any("\0" in value for value in values) for name, values in fields.lists())


def _refusal(request: HttpRequest) -> HttpResponse:
    text = "A NUL character stands in what was sent. Take it out, then try again."
    return refusal(request, HTTPStatus.BAD_REQUEST, "This request can't be read", text)

"""What nobody may read: a body that the server has not read either, and texts in another coding than UTF-8."""

import codecs
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from routing.accounts.error_pages import refusal

_TOO_LARGE = "The body is longer than 2.5 MiB, or its Content-Length isn't told. Send less at once."
_NOT_UTF_8 = "Content-Type names another charset than UTF-8, the only one that is read here."


class EarlyRefusalsMiddleware(MiddlewareMixin):
    """Stands before whatever reads a query or a body."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """None where the request may go on."""
        if getattr(request, "has_unread_body", False):
            # To Django it looks like an empty one.
            return refusal(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is too large", _TOO_LARGE)
        # Django reads the query by it, too: some codings give halves of surrogates and NULs, and some no text at all.
        if request.encoding is not None and codecs.lookup(request.encoding).name != "utf-8":
            return refusal(request, HTTPStatus.BAD_REQUEST, "This request can't be read", _NOT_UTF_8)
        return None

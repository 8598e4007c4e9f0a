"""The pages for what is refused or went wrong: in the frame of all others, each with a way on.

Those of 500 and 503 ask nobody anything: no database, no session, no context processor, since any of these may be what
is wrong. Should even the frame fail, its words stand alone.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import loader
from django.utils.deprecation import MiddlewareMixin
from django.utils.html import format_html

from routing.request_id import current_request_id

logger = logging.getLogger(__name__)

# Programs ask there, and get their own forms of refusals.
_FOR_PROGRAMS = ("/api/", "/livez", "/readyz", "/metrics", "/static/")
_BARE = (
    '<!doctype html><html lang="en-gb"><head><meta charset="utf-8"><title>{title} | Registry Facade</title></head>'
    '<body><main><h1>{title}</h1><p>{text}</p><p>Request <code>{request_id}</code></p><p><a href="/admin/">Overview'
    "</a></p></main></body></html>"
)


def standing_page(template: str, status: int, title: str, context: Mapping[str, object] | None = None) -> HttpResponse:
    """A page that depends on nothing but its template, and on that only for its looks."""
    request_id = current_request_id()
    try:
        page = loader.get_template(template).render({"title": title, "request_id": request_id, **(context or {})})
    except Exception:
        logger.exception("the page of a %s could not be made", status)
        text = "Try again in a moment. If it stays, tell the operators of this facade the number of the request."
        page = format_html(_BARE, title=title, text=text, request_id=request_id)
    return HttpResponse(page, status=status)


def refusal(
    request: HttpRequest, status: int, title: str, reason: str, context: Mapping[str, object] | None = None
) -> HttpResponse:
    """What is refused before there is a session: a page where people are, `reason` alone for programs.

    Below /api/ the reason becomes a problem's message (`routing/api/middleware.py`).
    """
    if request.path_info == "/api" or request.path_info.startswith(_FOR_PROGRAMS):
        return HttpResponse(f"{reason}\n", content_type="text/plain; charset=utf-8", status=status)
    return standing_page("refused.html", status, title, {"reason": reason, **(context or {})})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for a request that can't be read. It looks at nothing of it."""
    return standing_page("400.html", HTTPStatus.BAD_REQUEST, "This request can't be read")


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for what went wrong on our side."""
    return standing_page("500.html", HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form that didn't come from one of our pages, or not with its cookie."""
    page = loader.get_template("403_csrf.html").render({"path": request.path}, request)
    return HttpResponse(page, status=HTTPStatus.FORBIDDEN)


class NotAllowedPages(MiddlewareMixin):
    """Django answers a wrong method with no word at all. Where people are, they get a page."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The same answer, with a page where it had none."""
        wordless = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not getattr(response, "content", b"-")
        if not wordless or request.path_info.startswith(_FOR_PROGRAMS):
            return response
        page = loader.get_template("405.html").render({"path": request.path}, request)
        answer = HttpResponse(page, status=HTTPStatus.METHOD_NOT_ALLOWED)
        answer["Allow"] = response["Allow"]
        # What the view has logged already.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer

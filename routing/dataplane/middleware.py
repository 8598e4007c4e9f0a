"""The middleware that answers registry clients, first in MIDDLEWARE; sync and async from one class.

Imports core and its neighbours here. What isn't a registry client's request goes on to Django.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from routing.core.decide import Request, decide
from routing.core.decisions import Challenge, Control, Decision, PingOk, Redirect, Refuse
from routing.dataplane.answers import Answer, Outside, render
from routing.dataplane.live import live
from routing.dataplane.proxies import outside_of

_NOT_LOADED = Refuse(
    503, "UNAVAILABLE", "this facade is starting and has no routing table yet; try again", retry_after_seconds=1
)


class FacadeMiddleware:
    """Answers requests on tenants' hostnames; passes those on control hosts on."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        decision = self.decide(request)
        if isinstance(decision, Control):
            return self.get_response(request)
        if isinstance(decision, Redirect | Refuse | PingOk | Challenge):
            answer = render(decision, outside_of(request.META), settings.FACADE_REDIRECT_MAX_AGE_SECONDS)
            response = as_response(answer, request)
        else:
            response = as_response(render(Refuse(501, "UNSUPPORTED", "not yet"), Outside("", "")), request)
        return _done(response) if self.is_async else response

    @staticmethod
    def decide(request: HttpRequest) -> Decision:
        """The decision for a request of Django's; 503 while there is no table."""
        table = live.current()
        if table is None:
            return Control() if _is_health(request) else _NOT_LOADED
        meta = request.META
        return decide(
            table,
            Request(
                method=request.method or "",
                host=meta.get("HTTP_HOST", ""),
                path=raw_path(request),
                query=meta.get("QUERY_STRING", ""),
                user_agent=meta.get("HTTP_USER_AGENT", ""),
                authorized="HTTP_AUTHORIZATION" in meta,
            ),
        )


def raw_path(request: HttpRequest) -> str:
    """The path as the client sent it, undecoded, where the server says (ASGI raw_path; gunicorn's RAW_URI).

    Elsewhere (Django's runserver and test client) it is put together again from the decoded path: then `%61` can't be
    told from `a`, and what would need escaping is judged escaped, which `decide` refuses.
    """
    scope = getattr(request, "scope", None)
    if scope is not None and scope.get("raw_path") is not None:
        path: str = scope["raw_path"].decode("latin-1").partition("?")[0]
        return path
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if raw:
        if "://" in raw.partition("/")[0] + "//" and not raw.startswith("/"):
            raw = "/" + raw.partition("://")[2].partition("/")[2]  # absolute-form (RFC 9112 §3.2.2)
        return str(raw).partition("?")[0]
    return quote(request.path, safe="/:@!$&'()*+,;=~")


def as_response(answer: Answer, request: HttpRequest) -> HttpResponse:
    """Django's form of an answer; a HEAD's body is left away here, since not every server does."""
    response = HttpResponse(b"" if request.method == "HEAD" else answer.body, status=answer.status)
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response


def _is_health(request: HttpRequest) -> bool:
    return request.path in ("/livez", "/readyz")


async def _done(response: HttpResponse) -> HttpResponse:
    return response

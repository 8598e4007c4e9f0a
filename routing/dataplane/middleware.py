"""The middleware that answers registry clients, first in MIDDLEWARE; sync and async from one class.

Imports core and its neighbours here. What isn't a registry client's request goes on to Django.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from routing.core.decide import Request, decide
from routing.core.decisions import Control, Decision, Refuse, Relay, Resolve, Token
from routing.core.table import Table
from routing.dataplane.answers import Answer, render
from routing.dataplane.asgi import MAX_CONTROL_BODY_BYTES, MAX_TOKEN_FORM_BYTES
from routing.dataplane.caller import caller_of
from routing.dataplane.counters import answers, counters
from routing.dataplane.exchange import exchange
from routing.dataplane.live import live
from routing.dataplane.metrics import ANSWER_SECONDS
from routing.dataplane.proxies import effective_host, outside_of
from routing.dataplane.relay import Streamed

_NOT_LOADED = Refuse(
    503, "UNAVAILABLE", "this facade is starting and has no routing table yet; try again", retry_after_seconds=1
)
_FORM_TOO_LARGE = Refuse(413, "SIZE_INVALID", "the form is too long for a token request")
_BODY_TOO_LARGE = f"The body is longer than {MAX_CONTROL_BODY_BYTES} bytes, or its Content-Length isn't told.\n"


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
        # The one of the WSGI-style variables that Django's ASGI requests lack.
        request.META.setdefault("wsgi.url_scheme", request.scheme or "http")
        table = live.current()
        decision = decision_for(table, request)
        if isinstance(decision, Control):
            return self._control(request)
        kind, started = type(decision).__name__.lower(), time.perf_counter()
        if isinstance(decision, Token) and too_long(request, MAX_TOKEN_FORM_BYTES):
            decision = _FORM_TOO_LARGE
        if table is not None and isinstance(decision, Relay | Resolve | Token):
            answering = _measured(kind, self._ask_registry(table, decision, request))
            return answering if self.is_async else async_to_sync(_awaited)(answering)
        assert not isinstance(decision, Relay | Resolve | Token)  # only a table decides so
        answer = render(decision, outside_of(request.META), settings.FACADE_REDIRECT_MAX_AGE_SECONDS)
        response = as_response(answer, request)
        _measure(kind, answer.status, started)
        return _awaited(_done(response)) if self.is_async else response

    def _control(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if not too_long(request, MAX_CONTROL_BODY_BYTES):
            return self.get_response(request)
        # Django wasn't given the body, and would take the form for an empty one.
        response = HttpResponse(_BODY_TOO_LARGE, content_type="text/plain; charset=utf-8", status=413)
        return _awaited(_done(response)) if self.is_async else response

    async def _ask_registry(
        self, table: Table, decision: Relay | Resolve | Token, request: HttpRequest
    ) -> HttpResponseBase:
        form = request.body if isinstance(decision, Token) and request.method == "POST" else b""
        caller = caller_of(request.method or "", request.META, form)
        answer = await exchange(table, decision, caller, lasting=self.is_async)
        if isinstance(answer, Streamed):
            return as_stream(answer)
        return as_response(answer, request)


def decision_for(table: Table | None, request: HttpRequest) -> Decision:
    """The decision for a request of Django's; 503 while there is no table."""
    if table is None:
        return Control() if request.path in ("/livez", "/readyz", "/metrics") else _NOT_LOADED
    meta = request.META
    return decide(
        table,
        Request(
            method=request.method or "",
            host=effective_host(meta),
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
    raw = str(request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or "")
    if raw:
        if not raw.startswith("/") and "://" in raw:
            raw = "/" + raw.partition("://")[2].partition("/")[2]  # absolute-form (RFC 9112 §3.2.2)
        return raw.partition("?")[0]
    return quote(request.path, safe="/:@!$&'()*+,;=~")


def too_long(request: HttpRequest, limit_bytes: int) -> bool:
    """Whether a request's body is longer than the limit, or of a length that isn't told."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META or not length.isdecimal():
        return True
    return len(length) > len(str(limit_bytes)) or int(length) > limit_bytes


def as_response(answer: Answer, request: HttpRequest) -> HttpResponse:
    """Django's form of an answer; a HEAD's body is left away here, since not every server does."""
    response = HttpResponse(b"" if request.method == "HEAD" else answer.body, status=answer.status)
    _set_headers(response, answer.headers)
    return response


def as_stream(answer: Streamed) -> StreamingHttpResponse:
    """Django's form of a streamed answer: read part by part, no faster than the client takes it."""
    response = StreamingHttpResponse(answer.parts, status=answer.status)
    _set_headers(response, answer.headers)
    return response


def _set_headers(response: HttpResponseBase, headers: list[tuple[str, str]]) -> None:
    del response["Content-Type"]
    for name, value in headers:
        # Django's responses hold one value a name; registries that send several Link lines may as well send one.
        response[name] = f"{response[name]}, {value}" if name.lower() == "link" and name in response else value
    # Django would log every 401 of the token dance as a warning.
    response._has_been_logged = True  # type: ignore[attr-defined]


async def _measured(kind: str, answering: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    started, status = time.perf_counter(), None
    try:
        response = await answering
        status = response.status_code
        return response
    finally:
        # Without a status: the caller has gone, and the task was cancelled.
        _measure(kind, status, started)


def _measure(kind: str, status: int | None, started: float) -> None:
    counters.add(answers(kind, status))
    ANSWER_SECONDS.labels(kind).observe(time.perf_counter() - started)


async def _awaited(answering: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return await answering


async def _done(response: HttpResponse) -> HttpResponse:
    return response

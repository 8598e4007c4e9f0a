"""The middleware that answers registry clients, first in MIDDLEWARE; sync and async from one class.

What isn't a registry client's request goes on to Django. It does everything by itself on any server; before an ASGI
server, asgi.py answers the same without Django's overhead.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.client_request import ClientRequest, from_meta
from routing.dataplane.request.responses import Response
from routing.dataplane.serving.body_guard import MAX_CONTROL_BODY_BYTES
from routing.dataplane.serving.handler import HandledRequest, handle
from routing.dataplane.upstream.relay import StreamingResponse


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
        client_request = client_request_from(request)
        handled = handle(live_table.get(), client_request)
        if handled.is_control:
            request.is_for_control_host = True  # type: ignore[attr-defined]
            # Django wasn't given the body, and would take the form for an empty one: it refuses without reading it.
            request.has_unread_body = client_request.body_exceeds(MAX_CONTROL_BODY_BYTES)  # type: ignore[attr-defined]
            return self.get_response(request)
        if handled.needs_registry:
            answering = self._ask_registry(handled, request)
            return answering if self.is_async else async_to_sync(_awaited)(answering)
        response = as_response(handled.local_response(), request)
        return _awaited(_done(response)) if self.is_async else response

    async def _ask_registry(self, handled: HandledRequest, request: HttpRequest) -> HttpResponseBase:
        held = await handled.upstream_response(request.body if handled.has_form else b"", persistent_loop=self.is_async)
        if isinstance(held.answer, StreamingResponse):
            # The stream itself keeps the place from now on.
            held.release()
            return as_stream(held.answer)
        response = as_response(held.answer, request)
        # Servers close a response once it is sent, or its client has gone (PEP 3333).
        response._resource_closers.append(held.release)  # type: ignore[attr-defined]
        return response


def client_request_from(request: HttpRequest) -> ClientRequest:
    """The registry client's request that Django holds, under WSGI and ASGI."""
    scope = getattr(request, "scope", None)
    meta = request.META
    protocol = str(meta.get("SERVER_PROTOCOL", "HTTP/1.1"))
    version = scope.get("http_version", "1.1") if scope else protocol.partition("/")[2]
    scheme = str(meta.get("wsgi.url_scheme") or (scope or {}).get("scheme") or "http")
    return from_meta(request.method or "", raw_path(request), meta, scheme, version)


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
        if raw[:8].lower().startswith(("http://", "https://")):
            raw = "/" + raw.partition("://")[2].partition("/")[2]  # absolute-form (RFC 9112 §3.2.2)
        return raw.partition("?")[0]
    return quote(request.path, safe="/:@!$&'()*+,;=~")


def as_response(answer: Response, request: HttpRequest) -> HttpResponse:
    """Django's form of an answer; a HEAD's body is left away here, since not every server does."""
    response = HttpResponse(b"" if request.method == "HEAD" else answer.body, status=answer.status)
    _set_headers(response, answer.headers)
    return response


def as_stream(answer: StreamingResponse) -> StreamingHttpResponse:
    """Django's form of a streamed answer: read part by part, no faster than the client takes it."""
    response = StreamingHttpResponse(answer.parts, status=answer.status)
    _set_headers(response, answer.headers)
    return response


def _set_headers(response: HttpResponseBase, headers: list[tuple[str, str]]) -> None:
    del response["Content-Type"]
    for name, value in headers:
        response[name] = value
    # Django would log every 401 of the token dance as a warning.
    response._has_been_logged = True  # type: ignore[attr-defined]


async def _awaited(answering: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return await answering


async def _done(response: HttpResponse) -> HttpResponse:
    return response

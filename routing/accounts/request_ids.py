"""The id of each request to a control host: a trusted proxy's X-Request-ID, or a new one; told in the answer.

Registry clients' requests have none: they are answered before Django, and change nothing.
"""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from routing.dataplane.request.forwarded import forwarded_request_id
from routing.request_id import current_request_id, request_id

HEADER = "X-Request-ID"
Inner = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class RequestIdMiddleware:
    """Goes around everything: whatever answers a control host's request, the answer names it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Inner) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        with request_id(_id_of(request)) as this:
            _mark(request, this)
            response = self.get_response(request)
            assert isinstance(response, HttpResponseBase)
            return _named(request, response, this)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with request_id(_id_of(request)) as this:
            _mark(request, this)
            response = self.get_response(request)
            assert not isinstance(response, HttpResponseBase)
            return _named(request, await response, this)


def _id_of(request: HttpRequest) -> str:
    """That of the call within which this is: the access log's. Otherwise it begins here."""
    given, peer_address = request.headers.get(HEADER, ""), request.META.get("REMOTE_ADDR", "")
    return current_request_id() or forwarded_request_id(given, peer_address)


def _mark(request: HttpRequest, this: str) -> None:
    # Django logs a refusal after the middleware, with the request beside the message.
    request.request_id = this  # type: ignore[attr-defined]


def _named(request: HttpRequest, response: HttpResponseBase, this: str) -> HttpResponseBase:
    if getattr(request, "is_for_control_host", False):
        response[HEADER] = this
    return response

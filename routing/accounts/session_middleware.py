"""Sessions of requests: how many rows of strangers one address begins.

Whoever isn't signed in has a session while they sign in by a passkey or a provider, or hold an invitation. Each is a
row, and everybody may begin one.
"""

import time

from allauth.core.internal.ratelimit import handler429
from django.contrib.sessions import middleware
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from routing.accounts.sessions import TooManySessions
from routing.accounts.transport import client_share

#: So many from one address (of IPv6, one /64) in so many seconds, for all workers together.
SESSIONS, SESSION_SECONDS = 60, 60


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's, which answers 429 where a session would be one too many."""

    def process_request(self, request: HttpRequest) -> None:
        """Open the session."""
        super().process_request(request)
        request.session.may_begin = lambda: _count(request)  # type: ignore[attr-defined]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Where a view itself keeps the session."""
        return _too_many(request) if isinstance(exception, TooManySessions) else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep the session."""
        try:
            return super().process_response(request, response)
        except TooManySessions:
            return _too_many(request)


def _count(request: HttpRequest) -> bool:
    # The key holds the minute: counting on makes an entry of the cache last longer.
    key = f"sessions-begun:{client_share(request)}:{int(time.time() // SESSION_SECONDS)}"
    if cache.add(key, 1, SESSION_SECONDS):
        return True
    try:
        return bool(cache.incr(key) <= SESSIONS)
    except ValueError:
        return True  # Its time was over between the two.


def _too_many(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = handler429(request)
    response["Retry-After"] = str(SESSION_SECONDS)
    return response

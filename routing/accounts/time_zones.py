"""Pages tell times in the zone of whoever looks: the one they chose, else their browser's, else UTC.

What was chosen is kept in the session, too, so that no page asks the database for it; the browser's comes in a cookie
that a script of the pages sets. The API is always in UTC.
"""

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from routing.services.base.errors import ServiceError
from routing.services.people.preferences import preferences_of, set_preferences, time_zones

COOKIE, _KEY = "zone", "time_zone"
_PLACES = ("/admin/", "/accounts/")
_MAX_LENGTH = 64


class TimeZoneMiddleware:
    """Stands behind the sessions. Answers under other paths are in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in their zone."""
        if not request.path.startswith(_PLACES):
            return self.get_response(request)
        with timezone.override(zone_of(request)):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone of whoever asks. One that isn't known, such as of a newer browser, is UTC."""
    chosen = request.session.get(_KEY) if hasattr(request, "session") else ""
    name = chosen or request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name if name in _known() else "UTC")


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(time_zones())


@receiver(user_logged_in, dispatch_uid="routing.accounts.time_zones")
def remember(request: HttpRequest, user: Any, **_: Any) -> None:
    """Take the chosen zone along into the new session."""
    request.session[_KEY] = preferences_of(user).time_zone


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """How pages are to be for whoever asks."""
    chosen = preferences_of(request.user)
    given, refused = chosen.time_zone, ""
    if request.method == "POST":
        given, hides = request.POST.get("time_zone", "").strip(), "first_steps" not in request.POST
        try:
            chosen = set_preferences(request.user, time_zone=given, hides_first_steps=hides)
        except ServiceError as refusal:
            refused = f"{refusal.message[:1].upper()}{refusal.message[1:]}."
        else:
            request.session[_KEY] = chosen.time_zone
            messages.success(request, "Saved. Pages are so from now on; on other machines from the next sign-in on.")
            return HttpResponseRedirect(reverse("account_preferences"))
    context = {"given": given[:_MAX_LENGTH], "preferences": chosen, "refused": refused, "zones": time_zones()}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "routing/accounts/preferences.html", context, status=status)

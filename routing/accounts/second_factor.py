"""Who must have a second factor, and the door that keeps them to it."""

from http import HTTPStatus
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from routing.services.base.actor import Actor
from routing.services.people.provider_grants import PLATFORM

SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# Where somebody without a second factor gets one, or leaves. The API knows no session, and judges tokens itself. Static
# files are answered before this is asked.
_OPEN_PATHS = ("/accounts/", "/api/", "/abuse", "/self-tests/", "/livez", "/readyz")


class SecondFactorMiddleware(MiddlewareMixin):
    """Leads people whose role needs a second factor to set one up, before anything else."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """None where the request may go on."""
        if request.path.startswith(_OPEN_PATHS) or not settings.FACADE_MFA_REQUIRED_FOR:
            return None
        if not request.user.is_authenticated or not lacks_second_factor(request.user):
            return None
        if request.method not in ("GET", "HEAD"):
            return HttpResponse("Set up two-factor authentication first.\n", status=HTTPStatus.FORBIDDEN)
        messages.warning(request, "Your role needs two-factor authentication. Set it up here, then go on.")
        return HttpResponseRedirect(reverse("mfa_index"))


def lacks_second_factor(user: object) -> bool:
    """Whether one of the user's roles needs a second factor (FACADE_MFA_REQUIRED_FOR) and there is none yet."""
    actor = Actor.person(user)
    held = set(actor.roles().values()) | ({PLATFORM} if actor.is_operator else set())
    if held.isdisjoint(settings.FACADE_MFA_REQUIRED_FOR):
        return False
    return not has_second_factor(actor.user)


def has_second_factor(user: Any) -> bool:
    """Whether somebody has set one up. Recovery codes are none: they stand in for one that was lost."""
    return bool(is_mfa_enabled(user, SECOND_FACTORS))

"""Browsers in which somebody has signed in before: guesses from elsewhere don't lock them out.

OWASP's "device cookies": the cookie is signed, names one account and one browser, and is worth nothing but attempts of
its own. It ends with the password, so that a browser that knew the former one is a stranger's.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "routing.accounts.known_devices"
_COOKIE = "known_device"
_AGE = timedelta(days=180)


def remember(request: HttpRequest, response: HttpResponse, user: Any) -> None:
    """Give the browser in which somebody has signed in a cookie for it."""
    kept = _read(request)
    device = kept["device"] if kept is not None and kept["user"] == user.pk else secrets.token_urlsafe(16)
    value = {"user": user.pk, "device": device, "hash": _fingerprint(user)}
    response.set_cookie(
        _COOKIE,
        signing.dumps(value, salt=_SALT),
        max_age=_AGE,
        httponly=True,
        secure=True,
        samesite="Lax",
        path="/",
    )


def device_of(request: HttpRequest, user: Any) -> str | None:
    """By what the attempts of this browser at this account are counted; None where it is not known."""
    if request.user.is_authenticated and request.user.pk == user.pk:
        return f"session of {user.pk}"
    kept = _read(request)
    if kept is None or kept["user"] != user.pk or not constant_time_compare(kept["hash"], _fingerprint(user)):
        return None
    return f"device {kept['device']} of {user.pk}"


def _read(request: HttpRequest) -> dict[str, Any] | None:
    try:
        kept = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT, max_age=_AGE)
    except signing.BadSignature:
        return None
    return kept if isinstance(kept, dict) and kept.keys() >= {"user", "device", "hash"} else None


def _fingerprint(user: Any) -> str:
    return salted_hmac(_SALT, user.get_session_auth_hash()).hexdigest()[:20]

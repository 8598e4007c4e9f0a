"""What a sign-in rests on, from its first step to its last: whatever of it is lost meanwhile, the sign-in is lost.

Between the password, or the way back from the identity provider, and the second factor there may be minutes. A password
that was changed meanwhile, an account that was closed or disconnected, lets nobody in any more.
"""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

_SESSION_KEY = "pending_sign_in"


def begin(request: HttpRequest, user: Any, sociallogin: Any = None) -> None:
    """Keep what this sign-in rests on."""
    request.session[_SESSION_KEY] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "account": sociallogin.account.pk if sociallogin is not None else None,
    }


def still_holds(request: HttpRequest, user: Any) -> bool:
    """Whether the sign-in may be finished. Can be asked once."""
    kept = request.session.pop(_SESSION_KEY, None)
    now = get_user_model()._default_manager.filter(pk=user.pk, is_active=True).first()
    if not isinstance(kept, dict) or now is None or kept["user"] != user.pk:
        return False
    if not constant_time_compare(kept["hash"], now.get_session_auth_hash()):
        return False
    return kept["account"] is None or SocialAccount.objects.filter(pk=kept["account"], user=user.pk).exists()

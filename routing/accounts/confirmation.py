"""Who changes how an account is entered has shown lately that it is theirs: by the strongest way in that they have.

Whoever has a second factor by that one (a password alone neither adds nor removes one), others by their password, and
who has none by their identity provider.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY, resume_request
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from routing.accounts.provider import begun_at, granted_roles
from routing.accounts.second_factor import SECOND_FACTORS, has_second_factor
from routing.services.people.provider_grants import follow_provider

View = Callable[..., HttpResponseBase]

# How old the provider's own look at the person may be, which it was asked to take anew (OpenID Connect Core §3.1.2.1).
_LATELY_SECONDS = 300


def method_for(user: Any) -> str:
    """By what this person confirms: "mfa", "password" or "socialaccount", as django-allauth records it.

    "": by nothing. Such an account has no way in, and nobody is there but whom the command line let in.
    """
    if has_second_factor(user):
        return "mfa"
    if user.has_usable_password():
        return "password"
    return "socialaccount" if SocialAccount.objects.filter(user=user.pk).exists() else ""


def is_recent(request: HttpRequest) -> bool:
    """Whether the person has done so within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    since, method = time.time() - app_settings.REAUTHENTICATION_TIMEOUT, method_for(request.user)
    records = get_authentication_records(request, request.user)
    return not method or any(
        record.get("reauthenticated") and record.get("method") == method and record["at"] > since for record in records
    )


def needed_for_first_password(view: View) -> View:
    """Guard the page on which an account gets its first password: it is another way in, which would confirm all else.

    A sign-in by the provider a moment ago is enough there.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if user.is_authenticated and not user.has_usable_password() and not is_recent(request):
            since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
            records = get_authentication_records(request, user)
            by_provider = [record for record in records if record.get("method") == "socialaccount"]
            if method_for(user) == "mfa" or not any(record["at"] > since for record in by_provider):
                raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return guarded


def note_new_factor(request: HttpRequest, authenticator: Authenticator) -> None:
    """A factor that was set up just now was used for it: what comes next, such as recovery codes, asks for no other."""
    if authenticator.type in SECOND_FACTORS:
        facts = {"id": authenticator.pk, "type": authenticator.type}
        record_authentication(request, request.user, method="mfa", reauthenticated=True, **facts)


def confirm_by_provider(request: HttpRequest, sociallogin: Any) -> HttpResponse:
    """Take the provider's word that the person is there; what it says of their roles counts as well."""
    user, said = request.user, sociallogin.account.extra_data["id_token"]
    seen_at = said.get("auth_time", time.time())
    if not (sociallogin.is_existing and user.is_authenticated and sociallogin.user.pk == user.pk):
        messages.error(request, "You signed in with the provider as somebody else. Try again as yourself.")
        return HttpResponseRedirect(reverse("provider_reauthenticate"))
    if time.time() - seen_at > _LATELY_SECONDS:
        messages.error(request, "The provider has not asked you to sign in anew. Sign out there, then try again.")
        return HttpResponseRedirect(reverse("provider_reauthenticate"))
    facts = {"provider": sociallogin.account.provider, "uid": sociallogin.account.uid}
    record_authentication(request, user, method="socialaccount", reauthenticated=True, **facts)
    follow_provider(user, granted_roles(sociallogin), begun_at=begun_at(sociallogin))
    if "callback" in request.session.get(STATE_SESSION_KEY, {}):
        resumed: HttpResponse = resume_request(request)
        return resumed
    request.session.pop(STATE_SESSION_KEY, None)
    return HttpResponseRedirect(sociallogin.state.get("next") or reverse("mfa_index"))

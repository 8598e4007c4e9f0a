"""What belongs to a person, table by table: what the removal of an account takes along, and what it tells."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.utils import timezone

from routing.models import (
    ApiToken,
    Invitation,
    Job,
    ListColumns,
    Membership,
    Preferences,
    ProviderGrant,
    ProviderWord,
    Rate,
    SavedFilter,
)
from routing.services.base.history_bound import past_models
from routing.services.leaving.documents import rows_of

Rows = Callable[[Any], "QuerySet[Any]"]

#: What goes, in words that follow a number. What has a history of its own, or is told of, goes first.
OF_A_PERSON: Mapping[str, Rows] = {
    "memberships": lambda user: Membership.objects.filter(user=user),
    "invitations that they made": lambda user: Invitation.objects.filter(inviter=user),
    "preferences": lambda user: Preferences.objects.filter(user=user),
    "API tokens": lambda user: ApiToken.objects.filter(user=user),
    "roles by the identity provider": lambda user: ProviderGrant.objects.filter(user=user),
    "words of the identity provider": lambda user: ProviderWord.objects.filter(user=user),
    "second factors and passkeys": lambda user: Authenticator.objects.filter(user=user),
    "e-mail addresses": lambda user: EmailAddress.objects.filter(user=user),
    "accounts at the identity provider": lambda user: SocialAccount.objects.filter(user=user),
    "entries in the log of accounts": lambda user: LogEntry.objects.filter(user=user),
    "notices that wait to be mailed": lambda user: Job.objects.filter(arguments__to__in=addresses_of(user)),
    "saved filters of their own": lambda user: SavedFilter.objects.filter(user=user),
    "columns of lists": lambda user: ListColumns.objects.filter(user=user),
    "counts of requests": lambda user: Rate.objects.filter(
        name__in=[f"{what} user {user.pk}" for what in ("changes of", "checks of", "invitations by")]
    ),
}
_QUIET = frozenset({"preferences", "words of the identity provider", "counts of requests"})


def what_goes(user: Any) -> dict[str, int]:
    """How many of each a removal takes, without what nobody has a use for."""
    counts = {what: rows(user).count() for what, rows in OF_A_PERSON.items() if what not in _QUIET}
    return {**counts, "sessions": sum(1 for _ in sessions_of(user))}


def what_stays(user: Any) -> dict[str, int]:
    """How many of each a removal leaves; without their name, where that is asked for."""
    made = Q(history_user=user) | Q(actor=user.get_username())
    return {"entries of histories that they made": sum(past.objects.filter(made).count() for past in past_models())}


def addresses_of(user: Any) -> list[str]:
    """Every e-mail address that the account has, proved or not."""
    known = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    return sorted({address for address in (user.email, *known) if address})


def sessions_of(user: Any) -> Iterator[str]:
    """The keys of the sessions in which they are signed in, or about to be. A session names its person in its data."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    for row in rows_of(Session.objects.filter(expire_date__gt=timezone.now()), "session_key", "session_data"):
        if _is_of(store.decode(row["session_data"]), user):
            yield row["session_key"]


def _is_of(session: Mapping[str, Any], user: Any) -> bool:
    if session.get(SESSION_KEY) == str(user.pk):
        return True
    # A sign-in that waits for the second factor.
    pending = session.get("pending_sign_in")
    return isinstance(pending, dict) and pending.get("user") == user.pk

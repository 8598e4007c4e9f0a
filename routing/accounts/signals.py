"""What follows from a sign-in, and from the loss of a way to sign in."""

from typing import Any

from allauth.account.signals import password_reset, user_logged_in
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.socialaccount.signals import social_account_removed
from django.contrib.auth.signals import user_logged_in as session_begun
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from routing.accounts.confirmation import note_new_factor
from routing.accounts.provider import begun_at, granted_roles
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import revoke_every_api_token
from routing.services.people.provider_grants import follow_provider


@receiver(session_begun, dispatch_uid="routing.accounts.count_session")
def count_session(request: HttpRequest, **_: Any) -> None:
    """Every way of signing in ends here, so that is where a session's age is counted from."""
    request.session.mark_signed_in()  # type: ignore[attr-defined]


@receiver(user_logged_in, dispatch_uid="routing.accounts.follow_provider")
def follow(user: Any, sociallogin: Any = None, **_: Any) -> None:
    """Give and take roles. A sign-in by password brings no claims, so what the provider gave ends with it."""
    if sociallogin is None:
        follow_provider(user, [])
    else:
        follow_provider(user, granted_roles(sociallogin), begun_at=begun_at(sociallogin))


@receiver(social_account_removed, dispatch_uid="routing.accounts.leave_provider")
def leave(socialaccount: Any, **_: Any) -> None:
    """An account that is no longer connected has no roles of the provider's."""
    follow_provider(socialaccount.user, [])


@receiver(post_save, sender=Authenticator, dispatch_uid="routing.accounts.note_new_factor")
def new_factor(instance: Authenticator, created: bool, **_: Any) -> None:
    """A factor that was just set up has been shown."""
    request = context.request
    if created and request is not None and request.user.pk == instance.user_id:
        note_new_factor(request, instance)


@receiver(password_reset, dispatch_uid="routing.accounts.end_api_tokens")
def end_api_tokens(user: Any, **_: Any) -> None:
    """Who has to reset a password may have lost it to somebody, who could have made tokens with it."""
    revoke_every_api_token(Actor.person(user), "the password was reset", user=user)

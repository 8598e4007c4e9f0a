"""Each sign-in makes the person's roles what the identity provider says now."""

from typing import Any

from allauth.account.signals import user_logged_in
from allauth.socialaccount.signals import social_account_removed
from django.dispatch import receiver

from routing.accounts.provider import granted_roles
from routing.services.people.provider_grants import follow_provider


@receiver(user_logged_in, dispatch_uid="routing.accounts.follow_provider")
def follow(user: Any, sociallogin: Any = None, **_: Any) -> None:
    """Give and take roles. A sign-in by password brings no claims, so what the provider gave ends with it."""
    follow_provider(user, granted_roles(sociallogin) if sociallogin is not None else [])


@receiver(social_account_removed, dispatch_uid="routing.accounts.leave_provider")
def leave(socialaccount: Any, **_: Any) -> None:
    """An account that is no longer connected has no roles of the provider's."""
    follow_provider(socialaccount.user, [])

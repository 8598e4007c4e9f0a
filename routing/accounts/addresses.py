"""E-mail addresses of accounts: only one that was proved says who somebody is.

Until then an address is where mail goes, and nothing else: anybody can type anybody's. So no user name looks like one.
"""

from typing import Any

from allauth.account.internal.flows.email_verification import verify_email_indirectly
from allauth.account.models import EmailAddress
from allauth.account.utils import user_email
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse


def refuse_address(username: str) -> None:
    """A validator of user names. Raises ValidationError."""
    # Also what Unicode's compatibility forms make of it, small and full-width.
    if {"@", "\ufe6b", "\uff20"} & set(username):
        raise ValidationError("A user name holds no @: it would look like an e-mail address.", code="address")


def refuse_addresses_as_user_names() -> None:
    """Have every form and command that makes an account validate its name so; the table is Django's own."""
    users: Any = get_user_model()
    field = users._meta.get_field(users.USERNAME_FIELD)
    # A cached property: what migrations know of the field stays.
    field.validators = [*field.validators, refuse_address]


@receiver(pre_save, sender=EmailAddress, dispatch_uid="routing.accounts.primary_is_verified")
def be_primary_when_verified(instance: EmailAddress, **_: Any) -> None:
    """An address becomes the primary one when it is verified: django-allauth does so where there is none yet."""
    instance.primary = bool(instance.primary and instance.verified)


def is_proved(email: str) -> bool:
    """Whether somebody has proved that it is theirs."""
    return bool(EmailAddress.objects.filter(email__iexact=email, verified=True).exists())


def is_known(email: str) -> bool:
    """Whether any account has it, proved or not."""
    known = EmailAddress.objects.filter(email__iexact=email).exists()
    return known or get_user_model().objects.filter(email__iexact=email).exists()


def prove_own(request: HttpRequest, user: Any, email: str) -> None:
    """Take an address that the user has for proved: they have opened a link that was mailed to it, and nowhere else."""
    own = user_email(user) or ""
    if own.lower() == email.lower() and not EmailAddress.objects.filter(user=user, email__iexact=email).exists():
        EmailAddress(user=user, email=email.lower()).save()
    verify_email_indirectly(request, user, email.lower())


def refuse_unproved_primary(request: HttpRequest) -> HttpResponseBase | None:
    """What the page of addresses answers where one is to become the primary that isn't verified; None: go on."""
    chosen = request.POST.get("email", "") if "action_primary" in request.POST else ""
    if not chosen or EmailAddress.objects.filter(user=request.user.pk, email__iexact=chosen, verified=True).exists():
        return None
    messages.error(request, "An address becomes the primary one when it is verified: open the link in its mail.")
    return HttpResponseRedirect(reverse("account_email"))

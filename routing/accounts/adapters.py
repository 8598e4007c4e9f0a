"""How django-allauth behaves here: who may make an account, whose address counts, what is encrypted."""

import logging
from typing import Any

from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base import AuthProcess
from allauth.utils import get_username_max_length
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from routing.accounts import confirmation, known_devices, pending_sign_in, secrets
from routing.accounts.addresses import is_known, is_proved
from routing.accounts.attempts import TooMany, attempt, forgive
from routing.accounts.invitations import accept_pending, invitation_lost, pending_invitation
from routing.accounts.letters import MailLater
from routing.accounts.links import ConfiguredSite, configured
from routing.accounts.provider import REAUTHENTICATE, begun_at, granted_roles
from routing.accounts.provider_http import ProviderSession
from routing.accounts.transport import client_address
from routing.accounts.webauthn import relying_party
from routing.core.grammar.display_names import InvalidName, normalise_name
from routing.models import Invitation
from routing.services.base.errors import NotFound
from routing.services.people.provider_grants import follow_provider

logger = logging.getLogger(__name__)

_UNREADABLE = (
    "This second factor can't be checked any more: the server's key has changed. "
    "The operators of this facade can restore the former key, or reset your second factor."
)


class AccountAdapter(MailLater):
    """Accounts with a password: made by invitation only."""

    error_messages = {
        **MailLater.error_messages,
        # As long as the rates of attempts.py go back at most.
        "too_many_login_attempts": "Too many failed attempts to sign in. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only while the browser has opened an invitation's link."""
        return pending_invitation(request) is not None

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Save the new account and accept the invitation that allowed it, or neither."""
        if not commit:
            return super().save_user(request, user, form, commit)
        with transaction.atomic():
            invitation = pending_invitation(request)
            if invitation is None:
                raise ImmediateHttpResponse(invitation_lost(request))
            form.cleaned_data.setdefault("email", self._address_of(request, invitation))
            user = super().save_user(request, user, form, commit)
            try:
                accept_pending(request, user, has_addresses=False)
            except NotFound as error:
                transaction.set_rollback(True)
                raise ImmediateHttpResponse(invitation_lost(request)) from error
        return user

    def pre_login(self, request: HttpRequest, user: Any, **how: Any) -> Any:
        """Keep what the sign-in rests on, for as long as a second factor is waited for."""
        refused = super().pre_login(request, user, **how)
        if refused is None:
            pending_sign_in.begin(request, user, (how["signal_kwargs"] or {}).get("sociallogin"))
        return refused

    def login(self, request: HttpRequest, user: Any) -> None:
        """Let them in, unless what the sign-in rests on was taken meanwhile."""
        if not pending_sign_in.still_holds(request, user):
            clear_login(request)
            messages.error(request, "Something about this account has changed since you began. Sign in once more.")
            raise ImmediateHttpResponse(HttpResponseRedirect(reverse("account_login")))
        super().login(request, user)

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """The name as it is kept. Raises ValidationError where it is taken, or could pass for another."""
        try:
            name = normalise_name(username)
        except InvalidName as error:
            raise ValidationError(f"This is no user name: {error}.") from error
        if len(name) > get_username_max_length():
            raise ValidationError("This user name is too long.")
        cleaned: str = super().clean_username(name, shallow)
        return cleaned

    def set_password(self, user: Any, password: str) -> None:
        """Write the password alone: hashing it takes a while, in which a role may have been taken."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def _address_of(self, request: HttpRequest, invitation: Invitation) -> str:
        """The new account's address: proved where the link was mailed there; "" where it is somebody else's already."""
        if invitation.mailed_at is None:
            return "" if is_known(invitation.email) else invitation.email
        if is_proved(invitation.email):
            return ""
        self.stash_verified_email(request, invitation.email)
        return invitation.email

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail, whose links lead where the settings say, and in which the facade is called so."""
        links = {name: configured(str(value)) for name, value in context.items() if name.endswith("_url")}
        super().send_mail(template_prefix, email, {**context, **links, "current_site": ConfiguredSite()})

    def is_reauthentication_required(self, *, app: str, **how: Any) -> bool:
        """Whether what is asked for needs the person to confirm that it is them; raises where they have not."""
        if super().is_reauthentication_required(app=app, **how) and not confirmation.is_recent(context.request):
            # Not said by the answer: django-allauth would take a password for enough, and its lack for none needed.
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Where they do so."""
        if not user.is_authenticated:
            return []
        method = confirmation.method_for(user)
        if method == "socialaccount":
            return [{"id": method, "description": "Sign in anew", "url": reverse("provider_reauthenticate")}]
        known: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [entry for entry in known if (entry["id"] == "reauthenticate") == (method == "password") and method]

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address by which sign-ins are counted."""
        return client_address(request) or "unknown"

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        """Let the browser be known from now on."""
        response: HttpResponse = super().post_login(request, user, **how)
        known_devices.remember(request, response, user)
        return response

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """The user whose password it is, or None. Raises ValidationError after too many wrong ones."""
        try:
            return attempt(request, self._get_login_attempts_cache_key(request, **credentials), credentials)
        except TooMany:
            raise self.validation_error("too_many_login_attempts") from None

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        forgive(request, self._get_login_attempts_cache_key(request, **credentials))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # django-allauth puts the Host in front, of which the client chooses the port: 65,535 times as many guesses.
        login = credentials.get("email") or credentials.get("username") or ""
        return str(login).strip().lower()


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # django-allauth has no types
    """Accounts of the identity provider: made for whom its claims give a role, and for the invited."""

    def get_requests_session(self) -> ProviderSession:
        """By what the provider is asked."""
        return ProviderSession()

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """The provider of an address, or of an account, whose key holds the issuer as well."""
        return super().get_provider(request, provider.partition(":")[0], client_id)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whether the claims name a role, or the browser has opened an invitation's link."""
        return bool(granted_roles(sociallogin)) or pending_invitation(request) is not None

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Stop before a second account is made for an address that is proved: its owner is to connect the two."""
        if sociallogin.state.get("process") == REAUTHENTICATE:
            raise ImmediateHttpResponse(confirmation.confirm_by_provider(request, sociallogin))
        for address in sociallogin.email_addresses:
            # Some providers send "false" as a text.
            address.verified = address.verified is True
        email = sociallogin.user.email if sociallogin.user else ""
        connecting = sociallogin.state.get("process") == AuthProcess.CONNECT
        if sociallogin.is_existing or connecting or not email or not is_proved(email):
            return
        raise ImmediateHttpResponse(render(request, "socialaccount/connect_first.html", {"email": email}))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:
        """Suggest what the provider says, as far as names are names; another user name is made where it is none.

        Of a user name that is an address, what stands before its @.
        """
        names = {key: _name_or_nothing(data.get(key)) for key in ("username", "name", "first_name", "last_name")}
        names["username"] = names["username"].partition("@")[0]
        return super().populate_user(request, sociallogin, {**data, **names})

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Say why in the log: the page can't, to a stranger."""
        logger.warning("Sign-in with %s failed: %s", provider, exception or error)

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Save the new account with its roles, and accept the invitation where one is open."""
        with transaction.atomic():
            user = super().save_user(request, sociallogin, form)
            follow_provider(user, granted_roles(sociallogin), begun_at=begun_at(sociallogin))
            if pending_invitation(request) is not None:
                accept_pending(request, user)
        return user


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # django-allauth has no types
    """Second factors, encrypted in the database."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """For whom security keys sign: the control host by its configured name."""
        return {"id": relying_party(context.request), "name": settings.MFA_TOTP_ISSUER}

    def generate_authenticator_name(self, user: Any, type: str) -> str:
        """What the form of a new security key proposes to call it."""
        number = user.authenticator_set.filter(type=type).count() + 1
        return "Security key" if number == 1 else f"Security key {number}"

    def encrypt(self, text: str) -> str:
        """What is kept of a secret."""
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again. Raises ValidationError, for the form that asks, where SECRET_KEY is another one by now."""
        try:
            return secrets.decrypt(encrypted_text)
        except InvalidToken:
            logger.error("a second factor can't be read: it was encrypted with another SECRET_KEY than this server has")
            raise ValidationError(_UNREADABLE) from None


def _name_or_nothing(text: object) -> str:
    try:
        return normalise_name(text) if isinstance(text, str) else ""
    except InvalidName:
        return ""

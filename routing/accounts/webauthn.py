"""What django-allauth and fido2 leave open of WebAuthn: origins to the letter, no frames of others, no copies of keys.

Web Authentication Level 3 (the numbers below are its sections). fido2 also takes origins below the relying party's
name, and on any port: on such a name a tenant's hostname may be, on such a port another program.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import Field, HiddenInput
from django.http import HttpRequest

from routing.accounts.plain_json import NotPlain, parse_object
from routing.conf import policy
from routing.core.grammar.hosts import InvalidHost, is_loopback, parse_authority

# What is raised by a credential that is none: base64, CBOR, JSON, keys.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError)
_HTTPS_PORT = 443
MAX_SECURITY_KEYS_A_PERSON = 20


def relying_party(request: HttpRequest) -> str:
    """The control host that was asked for, as it is configured (§5.1.2). Raises ValidationError for any other name."""
    try:
        name, _ = parse_authority(request.get_host())
    except InvalidHost:
        name = ""
    if name not in policy().control_hosts:
        raise _refusal()
    return name


def is_origin_of(origin: object, name: str) -> bool:
    """Whether that is where this control host's pages are (§13.4.9): https, its name, its port.

    On loopback names any port, with or without TLS: nobody but this machine's people is there.
    """
    if not isinstance(origin, str):
        return False
    try:
        parts = urlsplit(origin)
        port = parts.port
        host, _ = parse_authority(parts.netloc)
    except ValueError:
        return False
    if parts.path or parts.query or parts.fragment or parts.username is not None or host != name:
        return False
    if is_loopback(name):
        return parts.scheme in ("https", "http")
    return parts.scheme == "https" and (port or _HTTPS_PORT) == settings.FACADE_PUBLIC_PORT


@contextmanager
def _read_with_care() -> Iterator[None]:
    try:
        yield
    except _MALFORMED as error:
        raise _refusal() from error


def _check_client_data(parse: Callable[[Any], Any], credential: object) -> Any:
    """The parsed answer of the authenticator. Raises ValidationError where another place asked for it (§7.1, §7.2)."""
    parsed = parse(credential)
    said = json.loads(bytes(parsed.response.client_data))
    if not is_origin_of(said.get("origin"), relying_party(context.request)):
        raise _refusal()
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise _refusal()
    return parsed


def _check_count(authenticator: Authenticator, count: int) -> None:
    """Raise ValidationError where a key's count of signatures goes back: then there are two of it (§7.2, step 22)."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        known = row.data.get("sign_count", row.wrap().authenticator_data.counter)
        # Passkeys that are kept on several devices don't count, and always say 0.
        if (known or count) and count <= known:
            raise _refusal()
        row.data["sign_count"] = count
        row.save(update_fields=["data"])
    authenticator.data["sign_count"] = count


def _refusal() -> ValidationError:
    refusal: ValidationError = get_adapter().validation_error("incorrect_code")
    return refusal


class CredentialField(Field):
    """What a page's script got from the authenticator."""

    widget = HiddenInput

    def to_python(self, value: Any) -> Any:
        """The object. Raises ValidationError."""
        try:
            return parse_object(value) if isinstance(value, str) and value else None
        except NotPlain as error:
            raise _refusal() from error


class AddForm(forms.AddWebAuthnForm):  # type: ignore[misc]  # django-allauth has no types
    """Another security key or passkey."""

    credential = CredentialField()

    def clean(self) -> Any:
        """Take it from our own pages only, and not beyond what one person may have."""
        held = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.WEBAUTHN).count()
        if held >= MAX_SECURITY_KEYS_A_PERSON:
            raise ValidationError(f"You can have at most {MAX_SECURITY_KEYS_A_PERSON} security keys: remove one first.")
        with _read_with_care():
            if "credential" in self.cleaned_data:
                _check_client_data(auth.parse_registration_response, self.cleaned_data["credential"])
            return super().clean()


class _Assertion:
    """What the three forms have in common that take a signature."""

    needs_user_verification = False

    def clean_credential(self) -> Authenticator:
        """The authenticator that signed."""
        with _read_with_care():
            credential = self.cleaned_data["credential"]  # type: ignore[attr-defined]
            said = _check_client_data(auth.parse_authentication_response, credential).response.authenticator_data
            if self.needs_user_verification and not said.is_user_verified():
                # The challenge may be one of the second step, for which a touch is enough.
                raise _refusal()
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]
            _check_count(authenticator, said.counter)
        return authenticator


class AuthenticateForm(_Assertion, forms.AuthenticateWebAuthnForm):  # type: ignore[misc]  # no types
    """A security key as second factor."""

    credential = CredentialField()


class LoginForm(_Assertion, forms.LoginWebAuthnForm):  # type: ignore[misc]  # no types
    """A passkey in place of a password."""

    credential = CredentialField()
    needs_user_verification = True


class ReauthenticateForm(_Assertion, forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]  # no types
    """A security key once more, before something is changed."""

    credential = CredentialField()

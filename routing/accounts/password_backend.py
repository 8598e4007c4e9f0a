"""Sign-in by password: one hash for each attempt, whoever it is for, so that the time tells nothing."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.contrib.auth import get_user_model
from django.http import HttpRequest


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]  # django-allauth has no types
    """django-allauth's, which hashes a known address's password twice, and that of several accounts for each."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        """The user whose password it is."""
        password = credentials.get("password")
        if not password:
            return None
        user = account_of(credentials)
        if user is None:
            burn(password)
            return None
        return self._check_password(user, password)


def account_of(credentials: dict[str, Any]) -> Any:
    """The one account for which the password is: by its name, or else by an e-mail address that is one account's.

    An address that is proved by one counts for that one. One that several have and nobody has proved is nobody's:
    they sign in by name.
    """
    name, email = credentials.get("username") or "", credentials.get("email") or credentials.get("username") or ""
    user = get_user_by_username(name) if name else None
    if user is not None or "@" not in email:
        return user
    found = filter_users_by_email(email, prefer_verified=True, for_login=True)
    return found[0] if len(found) == 1 else None


def burn(password: str) -> None:
    """Take as long as for a password that is checked."""
    get_user_model()().set_password(password)

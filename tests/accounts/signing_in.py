"""Signing in by the pages' own forms, as the tests need it."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"


class Browser(Client):
    """A test client that sends a Host header, as every browser does."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**({"HTTP_HOST": "localhost"} | defaults))


def with_password(user: User, password: str = PASSWORD) -> User:
    """The user, who can sign in with that password."""
    user.set_password(password)
    user.save()
    return user


def sign_in(client: Client, name: str, password: str = PASSWORD, next_url: str = "", **extra: Any) -> Any:
    """What the sign-in form answers; `extra` are WSGI variables, such as REMOTE_ADDR."""
    return client.post(LOGIN, {"login": name, "password": password, "next": next_url}, **extra)


def is_signed_in(client: Client) -> bool:
    """Whether the account pages let the client in."""
    return bool(client.get("/accounts/password/change/").status_code == 200)


def page(response: Any) -> str:
    """A page's text."""
    return str(response.content.decode())

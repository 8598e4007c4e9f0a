"""Sessions of whoever isn't signed in: each is a row, and anybody may begin one."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from routing.accounts import session_middleware
from routing.accounts.session_middleware import SESSION_SECONDS
from tests.accounts.signing_in import Browser, is_signed_in, sign_in, with_password

PASSKEY = "/accounts/2fa/webauthn/login/"
FROM = "2001:db8:0:1::{:x}"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_middleware, "SESSIONS", 3)
    # One minute, however long the test takes.
    monkeypatch.setattr(session_middleware, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))


def begin(browser: Browser) -> Any:
    """Ask for what a passkey is to sign, as the page's script does."""
    return browser.get(PASSKEY, HTTP_X_REQUESTED_WITH="XMLHttpRequest")


def begin_anew(number: int) -> int:
    """The same in a browser that was never here."""
    return int(begin(Browser(REMOTE_ADDR=FROM.format(number))).status_code)


def test_one_subscriber_begins_so_many_a_minute() -> None:
    assert [begin_anew(number) for number in range(6)] == [200] * 3 + [429] * 3

    assert Session.objects.count() == 3
    refused = begin(Browser(REMOTE_ADDR=FROM.format(7)))
    assert refused.headers["Retry-After"] == str(SESSION_SECONDS)
    assert "sessionid" not in refused.cookies
    # Whoever has one goes on, and so do others.
    browser = Browser(REMOTE_ADDR="203.0.113.7")
    assert [begin(browser).status_code for _ in range(5)] == [200] * 5


def test_a_sign_in_is_none_of_them() -> None:
    for number in range(5):
        begin_anew(number)
    alice = with_password(User.objects.create_user("alice", "alice@example.com"))
    browser = Browser(REMOTE_ADDR=FROM.format(9))

    sign_in(browser, alice.username)

    assert is_signed_in(browser)


def test_it_ends_after_an_hour() -> None:
    begin_anew(1)

    left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(minutes=55) < left <= timedelta(hours=1)

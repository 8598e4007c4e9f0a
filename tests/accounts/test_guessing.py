"""Guessing passwords: it tells nothing by its time, it is stopped, and it locks nobody out who is known."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User

from tests.accounts.signing_in import PASSWORD, Browser, is_signed_in, page, sign_in, with_password

pytestmark = pytest.mark.django_db

TOO_MANY = "Too many failed attempts to sign in"
FAILURES = 5
SECOND_STEP = "/accounts/2fa/authenticate/"
NEW_PASSWORD = "another horse, another staple"


@pytest.fixture
def dora() -> User:
    user = User.objects.create_user("dora", "dora@example.com", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many passwords have been hashed since the last call."""
    encode, count = MD5PasswordHasher.encode, [0]

    def counted(*arguments: str) -> str:
        count[0] += 1
        return str(encode(*arguments))  # type: ignore[arg-type]

    def so_far() -> int:
        found, count[0] = count[0], 0
        return found

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return so_far


def guess(name: str, times: int = FAILURES) -> None:
    """Wrong passwords, each from another place."""
    for number in range(times):
        sign_in(Browser(), name, f"wrong {number}", REMOTE_ADDR=f"198.51.100.{number}")


# ---------------------------------------------------------------- time
def test_every_attempt_costs_one_hash_whomever_it_is_for(dora: User, hashes: Callable[[], int]) -> None:
    User.objects.create_user("closed", "closed@example.com", PASSWORD, is_active=False)
    User.objects.create_user("eve", "shared@example.com", PASSWORD)
    User.objects.create_user("frank", "shared@example.com", PASSWORD)
    User.objects.create_user("provided", "provided@example.com")
    names = ["dora", "dora@example.com", "nobody", "nobody@example.com", "closed", "closed@example.com"]
    hashes()

    for number, name in enumerate([*names, "shared@example.com", "eve", "provided", "provided@example.com"]):
        sign_in(Browser(), name, "wrong", REMOTE_ADDR=f"198.51.100.{number}")
        assert (name, hashes()) == (name, 1)


def test_so_does_one_too_many(dora: User, hashes: Callable[[], int]) -> None:
    TOTP.activate(dora, generate_totp_secret())
    User.objects.create_user("eve", password=PASSWORD)
    for name in ("dora", "eve", "nobody"):
        guess(name)
        hashes()

        assert TOO_MANY in page(sign_in(Browser(), name, "wrong", REMOTE_ADDR="203.0.113.9"))
        assert (name, hashes()) == (name, 1)


def test_an_address_that_two_have_and_nobody_has_proved_signs_nobody_in(dora: User) -> None:
    User.objects.create_user("eve", "shared@example.com", PASSWORD)
    User.objects.create_user("frank", "shared@example.com", NEW_PASSWORD)
    browser = Browser()

    sign_in(browser, "shared@example.com")
    assert not is_signed_in(browser)
    sign_in(browser, "eve")
    assert is_signed_in(browser)


def test_one_that_somebody_has_proved_is_theirs(dora: User) -> None:
    User.objects.create_user("eve", "dora@example.com", NEW_PASSWORD)
    browser = Browser()

    sign_in(browser, "dora@example.com", NEW_PASSWORD)
    assert not is_signed_in(browser)
    sign_in(browser, "dora@example.com")
    assert is_signed_in(browser)


# ---------------------------------------------------------------- who is locked out
def test_guesses_from_elsewhere_do_not_lock_out_a_known_browser(dora: User) -> None:
    known = Browser()
    sign_in(known, "dora")
    known.post("/accounts/logout/")
    guess("dora")
    guess("dora@example.com")
    assert TOO_MANY in page(sign_in(Browser(), "dora", REMOTE_ADDR="203.0.113.9"))

    sign_in(known, "dora", REMOTE_ADDR="203.0.113.10")

    assert is_signed_in(known)


def test_nor_by_the_known_browsers_own_address(dora: User) -> None:
    known = Browser(REMOTE_ADDR="198.51.100.1")
    sign_in(known, "dora")
    known.post("/accounts/logout/")
    for number in range(11):
        sign_in(Browser(REMOTE_ADDR="198.51.100.1"), f"name{number}", "wrong")

    sign_in(known, "dora")

    assert is_signed_in(known)


def test_a_known_browser_guesses_no_more_than_others(dora: User) -> None:
    known = Browser()
    sign_in(known, "dora")
    known.post("/accounts/logout/")
    for number in range(FAILURES):
        assert TOO_MANY not in page(sign_in(known, "dora", f"wrong {number}", REMOTE_ADDR=f"198.51.100.{number}"))

    assert TOO_MANY in page(sign_in(known, "dora", REMOTE_ADDR="203.0.113.9"))


def test_it_is_known_for_one_account_only(dora: User) -> None:
    User.objects.create_user("eve", password=PASSWORD)
    eves = Browser()
    sign_in(eves, "eve")
    eves.post("/accounts/logout/")
    guess("dora")

    assert TOO_MANY in page(sign_in(eves, "dora", REMOTE_ADDR="203.0.113.9"))


@pytest.mark.parametrize("cookie", ["", "forged", "eyJ1c2VyIjoxfQ:1abcde:x"])
def test_a_forged_cookie_makes_no_browser_known(dora: User, cookie: str) -> None:
    browser = Browser()
    browser.cookies["known_device"] = cookie
    guess("dora")

    assert TOO_MANY in page(sign_in(browser, "dora", REMOTE_ADDR="203.0.113.9"))


def test_a_new_password_makes_every_browser_unknown(dora: User) -> None:
    known = Browser()
    sign_in(known, "dora")
    known.post("/accounts/logout/")
    with_password(dora, NEW_PASSWORD)
    guess("dora")

    assert TOO_MANY in page(sign_in(known, "dora", NEW_PASSWORD, REMOTE_ADDR="203.0.113.9"))


def test_half_a_sign_in_makes_no_browser_known(dora: User) -> None:
    TOTP.activate(dora, generate_totp_secret())
    browser = Browser()

    sign_in(browser, "dora")

    assert "known_device" not in browser.cookies


def test_the_cookie_is_nothing_for_scripts(dora: User) -> None:
    browser = Browser()
    sign_in(browser, "dora")

    assert browser.cookies["known_device"]["httponly"] is True
    assert browser.cookies["known_device"]["samesite"] == "Lax"


def test_who_has_a_second_factor_is_not_locked_out(dora: User) -> None:
    TOTP.activate(dora, generate_totp_secret())
    guess("dora", 2 * FAILURES)

    answer = sign_in(Browser(), "dora", REMOTE_ADDR="203.0.113.9")

    assert answer.headers["Location"] == SECOND_STEP


def test_and_their_guessers_learn_nothing_by_it(dora: User) -> None:
    TOTP.activate(dora, generate_totp_secret())
    guess("dora")

    assert TOO_MANY in page(sign_in(Browser(), "dora", "wrong", REMOTE_ADDR="203.0.113.9"))


def test_who_is_signed_in_may_still_confirm_with_the_password(dora: User) -> None:
    browser = Browser()
    sign_in(browser, "dora")
    del browser.cookies["known_device"]
    guess("dora")
    guess("dora@example.com")

    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302

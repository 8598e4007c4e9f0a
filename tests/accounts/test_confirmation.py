"""Who changes how an account is entered shows that it is theirs first, by the strongest way in that they have."""

import re
import time
from collections.abc import Iterator
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import NoReverseMatch, get_resolver, reverse
from pytest_django import Settings

from routing.accounts import session_middleware
from tests.accounts.authenticator_app import code
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in
from tests.accounts.test_headers import names
from tests.e2e.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider

REAUTHENTICATE, BY_PROVIDER = "/accounts/reauthenticate/", "/accounts/reauthenticate/provider/"
BY_FACTOR = "/accounts/2fa/reauthenticate/"
ACTIVATE, DEACTIVATE = "/accounts/2fa/totp/activate/", "/accounts/2fa/totp/deactivate/"


# ---------------------------------------------------------------- a second factor
@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora", "dora@example.com", PASSWORD)


@pytest.fixture
def codes(dora: User) -> list[str]:
    """Dora has an authenticator app and these recovery codes."""
    TOTP.activate(dora, generate_totp_secret())
    return list(RecoveryCodes.activate(dora).get_unused_codes())


@pytest.fixture
def entered(dora: User, codes: list[str]) -> Browser:
    """Dora's browser, signed in with password and code."""
    browser = Browser()
    sign_in(browser, "dora")
    browser.post("/accounts/2fa/authenticate/", {"code": codes.pop()})
    return browser


CHANGES = [
    DEACTIVATE,
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/recovery-codes/",
    "/accounts/2fa/recovery-codes/generate/",
    "/accounts/2fa/recovery-codes/download/",
]


@pytest.mark.parametrize("path", CHANGES)
def test_the_password_changes_no_second_factor(entered: Browser, path: str) -> None:
    entered.post(REAUTHENTICATE, {"password": PASSWORD})

    assert entered.get(path).headers["Location"].startswith(BY_FACTOR)
    changed = entered.post(path)
    assert changed.status_code == 405 or changed.headers["Location"].startswith(BY_FACTOR)
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_factor_removes_one(entered: Browser, codes: list[str]) -> None:
    entered.post(BY_FACTOR, {"code": codes.pop()})

    entered.post(DEACTIVATE)

    assert not Authenticator.objects.exists()


def test_an_api_token_takes_one_as_well(entered: Browser, codes: list[str]) -> None:
    entered.post(REAUTHENTICATE, {"password": PASSWORD})
    assert entered.post("/accounts/api-tokens/", {"name": "x"}).headers["Location"].startswith(BY_FACTOR)

    entered.post(BY_FACTOR, {"code": codes.pop()})

    assert "facade_" in page(entered.post("/accounts/api-tokens/", {"name": "x"}))


def test_the_first_factor_takes_the_password_and_shows_recovery_codes(dora: User) -> None:
    browser = Browser()
    sign_in(browser, "dora")
    assert browser.get(ACTIVATE).headers["Location"].startswith(REAUTHENTICATE)
    browser.post(REAUTHENTICATE, {"password": PASSWORD})
    assert browser.get(ACTIVATE).status_code == 200
    secret = browser.session[SECRET_SESSION_KEY]

    answer = browser.post(ACTIVATE, {"code": code(secret)}, follow=True)

    assert answer.redirect_chain[-1][0] == "/accounts/2fa/recovery-codes/"
    assert answer.status_code == 200


# ---------------------------------------------------------------- the identity provider
@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture
def _configured(settings: Settings, provider: OidcProvider) -> None:
    settings.FACADE_OIDC_ISSUER, settings.FACADE_OIDC_ROLES = provider.issuer, ["sre=*:platform"]
    app = {
        "provider_id": "sso",
        "name": "Acme login",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": provider.issuer, "oauth_pkce_enabled": True, "scope": ["openid"]},
    }
    kind = {"provider_class": "routing.accounts.provider.Provider", "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": kind}


PERSON: dict[str, Any] = {"sub": "eve", "preferred_username": "eve", "groups": ["sre"]}


def go(browser: Browser, path: str, **fields: str) -> Any:
    """To the provider and back; the answer to the way back."""
    return browser.get(back(onward(browser, path, **fields)))


def onward(browser: Browser, path: str, **fields: str) -> str:
    found = re.search(r'content="0;url=([^"]+)"', page(browser.post(path, fields)))
    assert found is not None
    return unescape(found[1])


def back(address: str) -> str:
    way = urlsplit(str(httpx2.get(address, timeout=30).headers["Location"]))
    return f"{way.path}?{way.query}"


@pytest.fixture
def eve(_configured: None, provider: OidcProvider) -> Browser:
    """The browser of somebody without a password, who has come by the provider."""
    provider.says(PERSON)
    browser = Browser()
    assert go(browser, "/accounts/oidc/sso/login/").status_code == 302
    assert not User.objects.get(username="eve").has_usable_password()
    return browser


@pytest.mark.parametrize("path", [ACTIVATE, "/accounts/2fa/webauthn/add/"])
def test_who_has_no_password_confirms_by_the_provider(eve: Browser, provider: OidcProvider, path: str) -> None:
    asked = eve.get(path)
    assert asked.headers["Location"] == f"{BY_PROVIDER}?{urlencode({'next': path})}"
    assert "Sign in with Acme login" in page(eve.get(BY_PROVIDER, {"next": path}))
    address = onward(eve, BY_PROVIDER, next=path)
    query = parse_qs(urlsplit(address).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])

    answer = eve.get(back(address))

    assert answer.headers["Location"] == path
    assert eve.get(path).status_code == 200


def test_and_so_before_an_api_token(eve: Browser) -> None:
    assert eve.post("/accounts/api-tokens/", {"name": "x"}).headers["Location"].startswith(BY_PROVIDER)

    go(eve, BY_PROVIDER)

    assert "facade_" in page(eve.post("/accounts/api-tokens/", {"name": "x"}))


@pytest.mark.usefixtures("_configured")
def test_a_stranger_begins_so_many_sign_ins_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_middleware, "SESSIONS", 2)
    monkeypatch.setattr(session_middleware, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))

    answers = [Browser().post("/accounts/oidc/sso/login/").status_code for _ in range(4)]

    assert answers == [200] * 2 + [429] * 2
    assert Session.objects.count() == 2


def test_somebody_elses_sign_in_confirms_nothing(eve: Browser, provider: OidcProvider) -> None:
    provider.says({"sub": "mallory", "preferred_username": "mallory", "groups": ["sre"]})

    answer = go(eve, BY_PROVIDER)

    assert answer.headers["Location"] == BY_PROVIDER
    assert eve.get(ACTIVATE).status_code == 302
    assert SocialAccount.objects.count() == 1


def test_nor_does_an_old_look_of_the_providers(eve: Browser, provider: OidcProvider) -> None:
    provider.says(PERSON, instead={"id token": {"auth_time": int(time.time()) - 3600}})

    go(eve, BY_PROVIDER)

    assert eve.get(ACTIVATE).status_code == 302


@pytest.mark.parametrize("moment", [10**400, "now"], ids=["huge", "text"])
def test_nor_does_one_at_no_time(eve: Browser, provider: OidcProvider, moment: object) -> None:
    provider.says(PERSON, instead={"id token": {"auth_time": moment}})

    answer = go(eve, BY_PROVIDER)

    assert answer.status_code < 500
    assert eve.get(ACTIVATE).status_code == 302


def test_a_first_password_takes_a_fresh_sign_in(eve: Browser) -> None:
    assert eve.get("/accounts/password/set/").status_code == 200
    session = eve.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()

    assert eve.get("/accounts/password/set/").headers["Location"].startswith(BY_PROVIDER)


def test_nobody_else_gets_to_the_provider_by_it() -> None:
    assert Browser().get(BY_PROVIDER).headers["Location"].startswith("/accounts/login/")


# ---------------------------------------------------------------- kept
def addresses() -> list[str]:
    found = set()
    for name in names(get_resolver().url_patterns):
        try:
            found.add(reverse(name))
        except NoReverseMatch:
            continue
    return sorted(path for path in found if path not in ("/livez", "/readyz", "/metrics"))


def test_no_page_is_kept_anywhere(dora: User) -> None:
    User.objects.filter(pk=dora.pk).update(is_superuser=True)
    browser = Browser()
    sign_in(browser, "dora")
    browser.post(REAUTHENTICATE, {"password": PASSWORD})

    kept = [path for path in addresses() if "no-store" not in browser.get(path).headers.get("Cache-Control", "")]

    assert kept == []


def test_nor_are_recovery_codes(entered: Browser, codes: list[str]) -> None:
    entered.post(BY_FACTOR, {"code": codes.pop()})

    for path in ("/accounts/2fa/recovery-codes/", "/accounts/2fa/recovery-codes/download/"):
        answer = entered.get(path)
        assert codes[0] in page(answer)
        assert "no-store" in answer.headers["Cache-Control"]

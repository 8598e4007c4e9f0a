"""Signing in in a real browser: authenticator app, recovery code, security key, passkey, identity provider.

Nothing on the way is complained of in the browser's console: the strict policy holds, and what it forbids isn't tried.
"""

import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import Protocol, Transport, VirtualAuthenticatorOptions

from tests.e2e.browser import Browser
from tests.e2e.facade import PASSWORD, Facade
from tests.e2e.oidc_provider import OidcProvider

PERIOD_SECONDS = 30
TYPING_SECONDS = 20
SECOND_FACTORS = "/accounts/2fa/"
SIGN_IN = "/accounts/login/"
NARROW_PIXELS = 320
# The contrast that WCAG 2.2 asks of ordinary text (level AA).
READABLE = 4.5


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture(scope="module")
def facade(provider: OidcProvider) -> Iterator[Facade]:
    settings = provider.settings(FACADE_OIDC_ROLES="sre=*:platform", FACADE_PROBE_ON_SAVE="false")
    with Facade(workers=2, FACADE_MFA_REQUIRED_FOR="platform", **settings) as running:
        yield running


@pytest.fixture
def browser(facade: Facade) -> Iterator[Browser]:
    """Nobody's browser yet, whose console has to stay empty."""
    with Browser(facade) as browser:
        yield browser
        assert browser.complaints() == []


@pytest.fixture
def name(facade: Facade, request: pytest.FixtureRequest) -> str:
    """An operator of the platform of this test's own, with PASSWORD."""
    name: str = request.node.name.removeprefix("test_")[:60]
    extra = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    facade.manage("createsuperuser", "--noinput", "--username", name, "--email", "", extra=extra)
    return name


def enter(browser: Browser, name: str) -> None:
    """Give name and password."""
    browser.open("/admin/")
    browser.type(login=name, password=PASSWORD)
    browser.press("Sign in")


def confirm(browser: Browser) -> None:
    """Give the password once more, as every change of a second factor asks."""
    browser.type(password=PASSWORD)
    browser.press("Confirm")


def leave(browser: Browser) -> None:
    browser.open("/accounts/logout/")
    # Not the link of that name, which leads to this very page.
    browser.find("form .submit-row button").click()
    browser.until(lambda: path(browser) == SIGN_IN, "signed out")


def path(browser: Browser) -> str:
    return browser.driver.current_url.removeprefix(browser.facade.url)


def shown_by_app(secret: str, used: str = "") -> str:
    """The code that an authenticator app shows; where that one was used already, the next (RFC 6238 §5.2)."""
    deadline = time.monotonic() + 2 * PERIOD_SECONDS
    while time.monotonic() < deadline:
        code = str(format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD_SECONDS)))
        # Not one that goes out while it is being typed, on a busy machine.
        if code != used and time.time() % PERIOD_SECONDS < PERIOD_SECONDS - TYPING_SECONDS:
            return code
        time.sleep(0.2)
    raise AssertionError("no new code")


def test_authenticator_app_and_recovery_code(browser: Browser, name: str) -> None:
    enter(browser, name)
    # The platform's operators are led here before anything else.
    browser.open("/admin/routing/mapping/")
    assert path(browser) == SECOND_FACTORS
    assert "needs two-factor authentication" in browser.text

    browser.press("Activate")
    confirm(browser)
    assert browser.script("return document.querySelector('img.qr').naturalWidth") > 0
    secret = str(browser.find("#authenticator_secret").get_attribute("value"))
    used = shown_by_app(secret)
    browser.type(code=used)
    browser.press("Activate")
    codes = str(browser.find("#recovery_codes").get_attribute("value")).split()
    browser.open("/admin/")
    assert path(browser) == "/admin/"

    leave(browser)
    enter(browser, name)
    assert path(browser) == "/accounts/2fa/authenticate/"
    browser.type(code=shown_by_app(secret, used))
    browser.press("Sign in")
    assert path(browser) == "/admin/"

    leave(browser)
    enter(browser, name)
    browser.type(code=codes[0])
    browser.press("Sign in")
    assert path(browser) == "/admin/"


def add_authenticator(browser: Browser) -> None:
    """Plug in a security key that knows its person and keeps passkeys."""
    options = VirtualAuthenticatorOptions(
        protocol=Protocol.CTAP2,
        transport=Transport.USB,
        has_resident_key=True,
        has_user_verification=True,
        is_user_verified=True,
    )
    browser.driver.add_virtual_authenticator(options)


def test_security_key(browser: Browser, name: str) -> None:
    add_authenticator(browser)
    enter(browser, name)
    browser.open("/accounts/2fa/webauthn/add/")
    confirm(browser)
    browser.type(name="The blue key")
    browser.press("Add")
    assert "recovery codes" in browser.text.lower()
    browser.open("/accounts/2fa/webauthn/")
    assert "The blue key" in browser.text
    browser.open("/admin/")
    assert path(browser) == "/admin/"

    leave(browser)
    enter(browser, name)
    assert path(browser) == "/accounts/2fa/authenticate/"
    browser.press("Use a security key")

    assert path(browser) == "/admin/"


def test_passkey(browser: Browser, name: str) -> None:
    add_authenticator(browser)
    enter(browser, name)
    browser.open("/accounts/2fa/webauthn/add/")
    confirm(browser)
    browser.type(name="The passkey")
    browser.field("passwordless").click()
    browser.press("Add")

    leave(browser)
    browser.open(SIGN_IN)
    browser.press("Sign in with a passkey")

    assert path(browser) == "/admin/"


def test_a_key_of_somebody_elses_opens_nothing(browser: Browser, name: str, facade: Facade) -> None:
    add_authenticator(browser)
    enter(browser, name)
    browser.open("/accounts/2fa/webauthn/add/")
    confirm(browser)
    browser.press("Add")
    leave(browser)
    # Another browser, with a key of its own, that knows the password.
    with Browser(facade) as other:
        add_authenticator(other)
        enter(other, name)
        other.driver.find_element(By.ID, "mfa_webauthn_authenticate").click()

        other.until(lambda: "NotAllowedError" in str(other.driver.get_log("browser")), "the key was refused")  # type: ignore[no-untyped-call]
        assert path(other) == "/accounts/2fa/authenticate/"


def test_identity_provider(browser: Browser, provider: OidcProvider) -> None:
    provider.says({"sub": "dora", "preferred_username": "dora", "email": "dora@example.com", "groups": ["sre"]})
    browser.open("/admin/")

    browser.press("Sign in with Acme login")

    # There and back by itself, then on to the second factor that this role needs.
    browser.until(lambda: path(browser) == SECOND_FACTORS, "back from the provider")
    browser.open("/accounts/3rdparty/")
    assert "dora" in browser.text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_fit_a_narrow_screen_and_can_be_read(browser: Browser, theme: str) -> None:
    browser.developer("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.developer(
        "Emulation.setDeviceMetricsOverride", width=NARROW_PIXELS, height=700, deviceScaleFactor=1, mobile=True
    )

    browser.open(SIGN_IN)
    assert browser.script("return document.documentElement.scrollWidth") <= NARROW_PIXELS
    assert browser.contrast("label") >= READABLE
    assert browser.contrast("button.button") >= READABLE
    for page in ("/abuse", "/accounts/signup/", "/accounts/password/reset/"):
        browser.open(page)
        assert browser.script("return document.documentElement.scrollWidth") <= NARROW_PIXELS
        assert browser.contrast("#content p") >= READABLE
    # Without mail there is no way to reset a password, and browsers tell every 404.
    assert [line for line in browser.complaints() if "404" not in line] == []

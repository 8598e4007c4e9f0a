"""Every page, wide and narrow, in light and dark, without a finding of axe-core."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import looks
from tests.e2e.axe import NARROW, WIDE, bring_axe, findings, judge, screen, use_scheme
from tests.e2e.browser import Browser
from tests.e2e.facade import PASSWORD, ROOT, Facade
from tests.e2e.lab import process
from tests.e2e.looks import KEYS, NOBODY, PLATFORM
from tests.e2e.looks import PASSWORD as WITH_A_PASSWORD
from tests.e2e.oidc_provider import OidcProvider
from tests.e2e.seed_pages import Seeded, key_of

pytestmark = pytest.mark.long
MAPPINGS = "/admin/routing/mapping/"
RESET = "/accounts/password/reset/"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture(scope="module")
def facade(provider: OidcProvider) -> Iterator[Facade]:
    """One without mail, with a provider."""
    more = {"FACADE_ABUSE_CONTACT": "abuse@acme.test", "FACADE_ADDRESSES": "203.0.113.7,2001:db8::7"}
    settings = provider.settings(FACADE_PROBE_ON_SAVE="false", **more)
    with Facade(workers=1, sqlite=True, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def seeded(facade: Facade) -> Seeded:
    argv = [sys.executable, "-m", "tests.e2e.seed_pages"]
    made = process.run(argv, env=facade.env | {"PYTHONPATH": str(ROOT)}).checked()
    return Seeded(**json.loads(made.stdout))


@pytest.fixture(scope="module")
def opened(facade: Facade) -> Iterator[Browser]:
    with Browser(facade) as browser:
        bring_axe(browser)
        yield browser


@pytest.fixture
def browser(opened: Browser) -> Browser:
    be(opened, None)
    use_scheme(opened, "light")
    return opened


def be(browser: Browser, session: str | None) -> None:
    """Have somebody's session, or none; and a token for forms."""
    browser.developer("Network.clearBrowserCookies")
    for name, value in {"sessionid": session, "csrftoken": "a" * 32}.items():
        if value is not None:
            browser.developer("Network.setCookie", name=name, value=value, url=browser.facade.url)


def as_somebody(browser: Browser, seeded: Seeded, who: str) -> None:
    be(browser, None if who == NOBODY else seeded.sessions[who])


def test_every_page_is_looked_at() -> None:
    assert looks.unseen() == set()


def test_what_leads_on_shows_nothing(facade: Facade, seeded: Seeded) -> None:
    """Or else it would be a page that nobody looks at. Two routes may have one address, which the first answers."""
    looked_at = {seeded.paths[key_of(look.page, look.subject)] for look in looks.every_look()}
    for who in (PLATFORM, WITH_A_PASSWORD):
        for key, path in seeded.paths.items():
            page = key.rpartition(" ")[0]
            if page in looks.LEAD_ON | looks.FOR_PROGRAMS:
                answer = facade.request("GET", path, headers={"Cookie": f"sessionid={seeded.sessions[who]}"})
                shows = answer.status == 200 and answer.headers["content-type"].startswith("text/html")
                assert not shows or path in looked_at, path


def test_axe_finds_nothing_on_any_page(browser: Browser, seeded: Seeded) -> None:
    found: list[str] = []
    now = NOBODY
    for look in looks.every_look():
        if look.who != now:
            as_somebody(browser, seeded, now := look.who)
        path = seeded.paths[key_of(look.page, look.subject)]
        browser.open(path)
        assert browser.script("return [location.pathname + location.search, document.contentType]") in (
            [path, "text/html"],
            # Whose secret is in the session from then on.
            [path.partition("-")[0] + "-set-password/", "text/html"],
        ), look
        found += judge(browser, str(look))
    assert found == []


def test_axe_finds_nothing_on_what_forms_answer(browser: Browser, seeded: Seeded) -> None:
    """On what comes back of a form that is empty or wrong, and on what asks once more before it is done."""
    as_somebody(browser, seeded, PLATFORM)
    browser.open("/abuse")
    found = []
    for name, path, fields in forms_of(seeded):
        browser.send(path, fields)
        # Nothing was done, or is shown once: neither leads on.
        assert browser.script("return [location.pathname, document.contentType]") == [path, "text/html"], name
        found += judge(browser, name)
    assert found == []


def test_axe_finds_nothing_on_what_the_doctor_says(browser: Browser, seeded: Seeded) -> None:
    as_somebody(browser, seeded, PLATFORM)
    browser.complaints()
    browser.open(seeded.paths[key_of("admin:routing_hostname_doctor", "hostname")])
    browser.press("Check as a client would")

    assert browser.count("table.clients tbody tr") >= 3
    assert judge(browser, "what the doctor says") == []
    assert browser.complaints() == []


def test_axe_finds_nothing_in_the_palette(browser: Browser, seeded: Seeded) -> None:
    as_somebody(browser, seeded, PLATFORM)
    browser.open("/admin/")
    browser.find(".sidebar .palette-opener").click()
    browser.until(lambda: browser.count(".palette [role=option]") > 5, "it has pages to choose from")

    assert judge(browser, "the palette") == []


def test_axe_finds_nothing_beside_a_form_on_what_it_would_do(browser: Browser, seeded: Seeded) -> None:
    as_somebody(browser, seeded, PLATFORM)
    browser.open(seeded.paths[key_of("admin:routing_mapping_change", "mapping")])
    browser.type(target="ghcr.io/somebody-else")
    browser.until(lambda: browser.count("[data-prospect]:not([hidden])"), "it is told")

    assert judge(browser, "what a form would do") == []


def forms_of(seeded: Seeded) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The name, the path and the fields of what is sent."""
    empty = set()
    for key, fields in seeded.forms.items():
        page = key.partition(" ")[0]
        if page.endswith("_changelist"):
            # Asked once more.
            path = seeded.paths[key_of(page, ".")]
            yield key, path, {name: fields[name] for name in ("action", "_selected_action")}
        elif page.endswith(("_add", "_password_change")) or "reason" in fields:
            empty.add(seeded.paths[key])
    yield from ((f"{path}, empty", path, {}) for path in sorted(empty))
    mapping = seeded.paths[key_of("admin:routing_mapping_change", "mapping")]
    yield "a wrong target", mapping, {"target": "ftp://x", "delivery": "auto"}
    add = seeded.paths[key_of("admin:routing_mapping_add", ".")]
    yield "ticks", add, {"hostname": "new.acme.test", "target": "quay.io", "delivery": "auto"}
    yield (
        "an invitation's link",
        seeded.paths[key_of("admin:routing_invitation_add", ".")],
        seeded.forms[key_of("admin:routing_invitation_add", ".")],
    )
    yield "a new token", "/accounts/api-tokens/", {"name": "for a test", "days": "9"}
    yield "not one's user name", "/accounts/leave/", {"confirm": "somebody"}
    yield "a method that is none", "/abuse", {}


def test_axe_finds_nothing_on_errors_and_where_hostnames_show_pages(browser: Browser, seeded: Seeded) -> None:
    found = []
    browser.open(f"{MAPPINGS}?q=%00")
    found += judge(browser, "400")
    browser.open("/nothing")
    found += judge(browser, "404")
    browser.developer("Network.setCookie", name="csrftoken", value="a" * 32, url=browser.facade.url)
    browser.send("/accounts/login/", {"csrfmiddlewaretoken": "b" * 32})
    found += judge(browser, "403, a forged form")
    as_somebody(browser, seeded, PLATFORM)
    browser.open(f"{MAPPINGS}?q=nothing-of-this-name")
    found += judge(browser, "nothing found")
    for name, html in seeded.rendered.items():
        # In a document of the same origin: under its policy, with its files.
        browser.open("/abuse")
        browser.driver.execute_script("document.open(); document.write(arguments[0]); document.close()", html)
        browser.until(lambda: browser.script("return document.readyState") == "complete", name)
        found += judge(browser, name)
    port = browser.facade.port
    for address in ("docker.localhost/", "docker.localhost/abuse", "docker.localhost/nothing", "suspended.localhost/"):
        host, _, path = address.partition("/")
        browser.driver.get(f"http://{host}:{port}/{path}")
        found += judge(browser, address)
    browser.driver.get(f"http://unknown.localhost:{port}/")
    found += judge(browser, "a name that is not served")
    assert found == []


def steps_of(browser: Browser, seeded: Seeded) -> Iterator[str]:
    """Go where no address alone leads; gives what is open now."""
    browser.open(seeded.paths[key_of("invitation_link", "a link")])
    yield "invitation"
    browser.open("/accounts/signup/")
    yield "account_signup"
    browser.send("/accounts/signup/", {"username": "x", "password1": "y", "password2": "z"})
    yield "account_signup, wrong"
    browser.open("/accounts/invitation/made-up/")
    yield "an invitation that is lost"
    browser.send("/accounts/login/", {"login": "nobody", "password": "wrong"})
    yield "account_login, wrong"
    browser.send("/accounts/login/", {"login": "kim", "password": PASSWORD})
    yield "mfa_authenticate"
    browser.send("/accounts/2fa/authenticate/", {"code": "000000"})
    yield "mfa_authenticate, wrong"
    as_somebody(browser, seeded, WITH_A_PASSWORD)
    browser.send("/accounts/password/change/", {"oldpassword": "wrong", "password1": "a", "password2": "b"})
    yield "account_change_password, wrong"
    as_somebody(browser, seeded, KEYS)
    browser.send("/accounts/2fa/webauthn/add/", {"name": ""})
    yield "mfa_add_webauthn, wrong"


def test_axe_finds_nothing_on_the_way_in(browser: Browser, seeded: Seeded) -> None:
    assert [line for name in steps_of(browser, seeded) for line in judge(browser, name)] == []


def test_axe_finds_nothing_on_menus_that_are_open(browser: Browser, seeded: Seeded) -> None:
    as_somebody(browser, seeded, PLATFORM)
    browser.open(MAPPINGS)
    with screen(browser, NARROW):
        browser.find(".menu summary").click()
        narrow = findings(browser)
        browser.find(".menu summary").click()
    with screen(browser, WIDE):
        browser.find("details.filter summary").click()
        assert (narrow, findings(browser)) == ([], [])


def test_axe_finds_nothing_where_there_is_nothing_yet_and_mail_is_sent() -> None:
    with Facade(workers=1, sqlite=True, EMAIL_URL="consolemail://") as facade, Browser(facade) as browser:
        bring_axe(browser)
        browser.sign_in()
        found = judge(browser, "an empty overview")
        for noun in ("mapping", "hostname", "hostnameclaim", "invitation"):
            browser.open(f"/admin/routing/{noun}/")
            found += judge(browser, f"no {noun}")
        for path, fields in (
            ("/accounts/email/", {"email": "x@example.com", "action_add": ""}),
            (RESET, {"email": "x"}),
        ):
            browser.open(path)
            found += judge(browser, path)
            browser.send(path, fields)
            found += judge(browser, f"{path}, sent")
    assert found == []


def test_axe_would_find_something(browser: Browser, seeded: Seeded) -> None:
    as_somebody(browser, seeded, PLATFORM)
    browser.open(MAPPINGS)
    browser.script(
        "document.querySelector('main').insertAdjacentHTML('beforeend', "
        "'<input name=unnamed><img src=x><h2>In Title Case</h2>');"
        "Object.assign(document.getElementsByName('unnamed')[0].style, {border: '1px solid white', height: '8px'})"
    )

    found = " ".join(findings(browser))

    expected = ("image-alt", "label", "In Title Case: In Title Case", "border of unnamed", "unnamed is cut")
    assert [words for words in expected if words not in found] == []

"""The admin in a real browser: what a person does there works, by script and style, and nothing is complained of."""

import hashlib
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.e2e.browser import Browser
from tests.e2e.facade import Facade

MAPPINGS = "/admin/routing/mapping/"
# The contrast that WCAG 2.2 asks of ordinary text (level AA).
READABLE = 4.5
ON_A_MAPPING = (
    "h1 .source",
    "h1 .target",
    ".badge.on",
    ".badge.added",
    ".command code",
    "button.copy",
    ".help",
    ".effect a",
    ".clients td",
    ".clients th",
    ".entry-who",
    ".reason",
    ".steps dt",
    ".steps ins",
    ".breadcrumbs a",
    "#site-name a",
)
ON_THE_OVERVIEW = (
    ".figures strong",
    ".figures .quiet",
    ".badge.on",
    ".sidebar nav h2",
    ".sidebar [aria-current]",
    ".palette-opener kbd",
    ".whoami p",
)
# What it says for two seconds might not be seen by a test that looks now and then, on a busy machine.
_LISTEN_TO_THE_BUTTON = """
window.said = [];
const button = document.querySelector("#result_list button.copy");
new MutationObserver(() => said.push(button.textContent)).observe(button, {childList: true, subtree: true});
"""
PAGES = ["/admin/", MAPPINGS, f"{MAPPINGS}add/", "/admin/routing/registry/", "/admin/routing/hostname/"]


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    # Nothing here leaves this machine, not even a probe of the registries that are named.
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false") as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(facade: Facade) -> Iterator[Browser]:
    with Browser(facade) as browser:
        browser.sign_in()
        yield browser


@pytest.fixture
def browser(signed_in: Browser) -> Iterator[Browser]:
    """A signed-in browser, whose console has to stay empty."""
    signed_in.complaints()
    signed_in.open("/admin/")
    yield signed_in
    assert signed_in.complaints() == []


@pytest.fixture
def mapping(facade: Facade, request: pytest.FixtureRequest) -> str:
    """The hostname of a mapping of this test's own: `acme` of it leads to ghcr.io/acme."""
    digest = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    name = f"{digest}.acme.test"
    facade.manage("add_mapping", name, "acme", "ghcr.io/acme", "--reason", "moving in")
    return name


def open_mapping(browser: Browser, hostname: str) -> None:
    browser.open(f"{MAPPINGS}?q={hostname}")
    browser.find("#result_list .field-route a").click()
    browser.until(lambda: browser.count(".effect"), "the mapping's page")


def test_a_form_tells_beside_it_what_it_would_do(browser: Browser) -> None:
    browser.open(f"{MAPPINGS}add/")
    browser.type(hostname="docker.localhost", prefix="told", target="ghcr.io/told")
    browser.until(lambda: "docker.localhost/told/image" in browser.find("[data-prospect]").text, "it is told")
    browser.type(target="ftp://x")
    browser.until(lambda: "ftp" in browser.find("[data-prospect]").text, "what is wrong is told")


def test_sign_in_leads_to_the_overview(facade: Facade) -> None:
    with Browser(facade) as browser:
        browser.sign_in()

        assert "Latest changes" in browser.text
        assert browser.complaints() == []


def test_add_a_mapping_that_then_serves(browser: Browser, facade: Facade) -> None:
    browser.open(f"{MAPPINGS}add/")
    browser.type(hostname="added.acme.test", prefix="acme", target="http://127.0.9.9:5000/team", reason="moving in")
    Select(browser.field("delivery")).select_by_value("redirect-only")
    browser.press("Save")
    assert "added.acme.test is not there yet." in browser.text
    browser.field("create_hostname").click()
    browser.press("Save")

    assert "Added mapping added.acme.test/acme → http://127.0.9.9:5000/team." in browser.message
    assert "Pull with: docker pull added.acme.test/acme/IMAGE" in browser.message
    assert "? Certificate: not looked at" in browser.message
    assert "works" not in browser.message
    assert "“moving in”" in browser.text
    facade.wait_for(
        "/v2/acme/app/manifests/1.0",
        307,
        host="added.acme.test",
        location="http://127.0.9.9:5000/v2/team/app/manifests/1.0",
    )


def test_nothing_typed_is_lost_when_the_form_comes_back(browser: Browser) -> None:
    browser.open(f"{MAPPINGS}add/")
    browser.type(hostname="kept.acme.test", prefix="Wrong!", target="ghcr.io/acme", reason="typed once")
    browser.field("private").click()
    browser.press("Save")

    assert "is not a prefix of a repository name" in browser.find(".field-prefix .errorlist").text
    assert [browser.field(name).get_attribute("value") for name in ("hostname", "prefix", "target", "reason")] == [
        "kept.acme.test",
        "Wrong!",
        "ghcr.io/acme",
        "typed once",
    ]
    assert browser.field("private").is_selected()


def test_a_repoint_asks_for_a_reason(browser: Browser, mapping: str) -> None:
    open_mapping(browser, mapping)
    browser.type(target="quay.io/acme")
    browser.press("Save")
    assert "Say why" in browser.find(".field-reason .errorlist").text

    browser.type(reason="new contract")
    browser.press("Save")

    assert f"Repointed {mapping}/acme from ghcr.io/acme to quay.io/acme." in browser.message
    assert "“new contract” target ghcr.io/acme → quay.io/acme" in browser.text


@pytest.fixture
def without_clipboard(browser: Browser) -> Iterator[None]:
    """A browser that reached the admin by plain http, from the next page on."""
    old = "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
    script = browser.developer("Page.addScriptToEvaluateOnNewDocument", source=old)
    yield
    browser.developer("Page.removeScriptToEvaluateOnNewDocument", **script)


def test_the_copy_button_puts_the_command_on_the_clipboard(browser: Browser, mapping: str) -> None:
    browser.open(f"{MAPPINGS}?q={mapping}")
    assert browser.script("return navigator.clipboard !== undefined")

    copy_and_paste(browser, mapping)


@pytest.mark.usefixtures("without_clipboard")
def test_the_copy_button_works_in_a_page_that_came_in_the_clear(browser: Browser, mapping: str) -> None:
    browser.open(f"{MAPPINGS}?q={mapping}")
    assert browser.script("return navigator.clipboard === undefined")

    copy_and_paste(browser, mapping)


def copy_and_paste(browser: Browser, mapping: str) -> None:
    """Press the button in the list, and paste into the field for searches."""
    browser.script(_LISTEN_TO_THE_BUTTON)
    button = browser.find("#result_list button.copy")
    button.click()
    browser.until(lambda: "Copied" in browser.script("return said"), "the button has said that it has copied")

    search = browser.find("#searchbar")
    search.clear()
    search.send_keys(Keys.CONTROL, "v")
    assert search.get_attribute("value") == f"docker pull {mapping}/acme/IMAGE"
    browser.until(lambda: button.text == "Copy", "the button can be pressed again")


def test_disable_several_at_once(browser: Browser, facade: Facade, mapping: str) -> None:
    facade.manage("add_mapping", mapping, "tools", "ghcr.io/tools")
    browser.open(f"{MAPPINGS}?q={mapping}")
    browser.find("#action-toggle").click()
    Select(browser.field("action")).select_by_value("switch_off")
    browser.press("Go")
    assert "Disable 2 mappings" in browser.text
    browser.type(reason="unpaid")
    browser.press("Disable")

    assert browser.message == f"Disabled {mapping}/acme, {mapping}/tools."
    assert browser.count("#result_list .badge.off") == 2
    facade.wait_for("/v2/acme/app/manifests/1.0", 403, host=mapping)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chosen", ["by the system", "by the switch"])
def test_light_and_dark_are_both_readable(browser: Browser, mapping: str, scheme: str, chosen: str) -> None:
    system = scheme if chosen == "by the system" else {"light": "dark", "dark": "light"}[scheme]
    browser.developer("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": system}])
    browser.script(f"localStorage.setItem('theme', '{'auto' if chosen == 'by the system' else scheme}')")
    try:
        open_mapping(browser, mapping)
        background = browser.script("return getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[scheme]
        browser.find(".effect summary").click()
        contrasts = {selector: browser.contrast(selector) for selector in ON_A_MAPPING}
        browser.open("/admin/")
        contrasts |= {selector: browser.contrast(selector) for selector in ON_THE_OVERVIEW}
        assert {selector: ratio for selector, ratio in contrasts.items() if ratio < READABLE} == {}
    finally:
        browser.script("localStorage.removeItem('theme')")
        browser.developer("Emulation.setEmulatedMedia", features=[])


def test_no_page_is_wider_than_a_telephone(browser: Browser, mapping: str) -> None:
    open_mapping(browser, mapping)
    page = browser.driver.current_url.removeprefix(browser.facade.url)
    browser.developer("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    try:
        for path in [*PAGES, page, page.replace("change", "history"), page.replace("change", "delete")]:
            browser.open(path)
            assert browser.script("return window.innerWidth") == 390
            assert browser.script("return document.documentElement.scrollWidth") <= 390, path
    finally:
        browser.developer("Emulation.clearDeviceMetricsOverride")

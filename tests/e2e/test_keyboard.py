"""The admin by keyboard alone, by a menu where the sidebar has no room, and in the system's own colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.e2e.axe import NARROW, WIDE, screen
from tests.e2e.browser import Browser
from tests.e2e.facade import Facade

HOST = "docker.acme.test"
LONG = "a-rather-long-name-of-a-hostname.of-an-organisation.acme.test"
MAPPINGS = "/admin/routing/mapping/"
# Of CSS, in a window of 1440 at 200 %.
ZOOMED = 720
# What is found of it is longer than a column has room for.
NOBODY_LISTENS = "http://127.0.0.1:9"
TALLEST_ROW, TALLEST_HEADER = 48, 64


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=1, sqlite=True, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        target = "ghcr.io/an-organisation/with-long/names-of-its-own"
        running.manage("add_mapping", LONG, "a-team/with-long/names", target)
        yield running


@pytest.fixture(scope="module")
def signed_in(facade: Facade) -> Iterator[Browser]:
    with Browser(facade) as browser:
        browser.sign_in()
        yield browser


@pytest.fixture
def browser(signed_in: Browser) -> Iterator[Browser]:
    signed_in.complaints()
    yield signed_in
    signed_in.developer("Emulation.setEmulatedMedia", features=[])
    signed_in.developer("Emulation.clearDeviceMetricsOverride")
    assert signed_in.complaints() == []


def press(browser: Browser, *keys: str) -> None:
    element = browser.driver.switch_to.active_element
    if element.get_attribute("type") == "file":
        # WebDriver takes what is sent to it for a file's name.
        ActionChains(browser.driver).send_keys(*keys).perform()
    else:
        element.send_keys(*keys)


def focused(browser: Browser) -> str:
    """The id of what has the focus."""
    return str(browser.script("return document.activeElement.id"))


def tab_to(browser: Browser, selector: str, most: int) -> None:
    """Press Tab until the focus is there."""
    for _ in range(most):
        press(browser, Keys.TAB)
        if browser.script(f"return document.activeElement.matches({selector!r})"):
            return
    there = browser.script("return document.activeElement.outerHTML")
    raise AssertionError(f"{most} Tabs lead to {there}, and not to {selector}")


def press_and_wait(browser: Browser, keys: str, selector: str) -> None:
    """Press what opens another page, which has this in it."""
    browser.script("document.documentElement.dataset.old = ''")
    press(browser, keys)
    new = f"html:not([data-old]) {selector}"
    browser.until(lambda: browser.count(new), f"a page with {selector} after a key")


def test_add_and_repoint_by_keyboard_alone(browser: Browser) -> None:
    add_with_both_ticks(browser, "keys.acme.test")
    find(browser, "keys.acme.test")
    repoint(browser)


def add_with_both_ticks(browser: Browser, hostname: str) -> None:
    browser.open(f"{MAPPINGS}add/")
    assert focused(browser) == "id_hostname"
    press(browser, hostname)
    tab_to(browser, "#id_prefix", 1)
    press(browser, "acme")
    tab_to(browser, "#id_target", 3)
    press(browser, "ftp://x")
    press_and_wait(browser, Keys.ENTER, ".errornote[role=alert]")
    # Both fields are wrong, and say so; the focus is at the first.
    wrong = browser.driver.find_elements(By.CSS_SELECTOR, "[aria-invalid=true]")
    assert [field.get_attribute("name") for field in wrong] == ["hostname", "target"]
    assert focused(browser) == "id_hostname"
    tab_to(browser, "#id_create_hostname", 1)
    press(browser, Keys.SPACE)
    tab_to(browser, "#id_target", 4)
    press(browser, Keys.CONTROL, "a")
    press(browser, "ghcr.io")
    press_and_wait(browser, Keys.ENTER, ".errornote[role=alert]")
    # A whole registry takes a tick as well.
    assert focused(browser) == "id_target"
    tab_to(browser, "#id_whole_registry", 1)
    press(browser, Keys.SPACE)
    press_and_wait(browser, Keys.ENTER, "[role=status] .messagelist")
    assert f"Added mapping {hostname}/acme → ghcr.io" in browser.message


def find(browser: Browser, hostname: str) -> None:
    browser.open(MAPPINGS)
    press(browser, "/")
    assert focused(browser) == "searchbar"
    press(browser, hostname)
    press_and_wait(browser, Keys.ENTER, "#result_list")
    assert browser.count("#result_list tbody tr") == 1
    # Again to the search, and from there to the row.
    browser.find("body").send_keys("/")
    tab_to(browser, "#result_list .route a", 20)
    press_and_wait(browser, Keys.ENTER, ".effect")


def repoint(browser: Browser) -> None:
    """On the mapping's page."""
    past_navigation(browser)
    tab_to(browser, "#id_target", 20)
    press(browser, Keys.CONTROL, "a")
    press(browser, "quay.io/acme")
    press_and_wait(browser, Keys.ENTER, ".errornote[role=alert]")
    assert focused(browser) == "id_reason"
    press(browser, "new contract")
    press_and_wait(browser, Keys.ENTER, "[role=status] .messagelist")
    assert "Repointed" in browser.message


def test_import_two_hundred_rows_by_keyboard_alone(browser: Browser, facade: Facade) -> None:
    prefixes = [f"team-{number}" for number in range(200)]
    image = f"/v2/{prefixes[-1]}/app"
    browser.open(MAPPINGS)
    tab_to(browser, ".object-tools a[href$='/import/']", 40)
    press_and_wait(browser, Keys.ENTER, "#id_csv")
    past_navigation(browser)
    tab_to(browser, "#id_csv", 12)
    # As pasted: with the first of the lines wrong.
    paste(browser, table(["Team", *prefixes]))
    tab_to(browser, "#looking button[type=submit]", 1)
    press_and_wait(browser, Keys.ENTER, "#looking")
    assert "error 1" in browser.find(".effect").text
    past_navigation(browser)
    tab_to(browser, "#id_csv", 12)
    press(browser, Keys.CONTROL, "a")
    paste(browser, table(prefixes))
    tab_to(browser, "#looking button[type=submit]", 1)
    press_and_wait(browser, Keys.ENTER, "#drafting")
    assert "add 200" in browser.find(".effect").text
    past_navigation(browser)
    tab_to(browser, "#id_reason", 12)
    press(browser, "the teams' table")
    press_and_wait(browser, Keys.ENTER, "#deciding")
    assert "Drafted" in browser.message
    past_navigation(browser)
    tab_to(browser, "#deciding button[value=apply]", 12)
    press_and_wait(browser, Keys.ENTER, "#undoing")
    facade.wait_for(f"{image}/manifests/1.0", 307, host=HOST, location=f"https://quay.io{image}/manifests/1.0")
    past_navigation(browser)
    tab_to(browser, "#id_message", 12)
    press(browser, "too early")
    press_and_wait(browser, Keys.ENTER, "[role=status] .messagelist")
    facade.wait_for(f"{image}/manifests/1.0", 404, host=HOST)


def table(prefixes: list[str]) -> str:
    """Lines of a spreadsheet, as it hands them on."""
    lines = (f"{HOST},{each},quay.io/{each.lower()},redirect-only\n" for each in prefixes)
    return "".join(["hostname,prefix,target,delivery\n", *lines])


def past_navigation(browser: Browser) -> None:
    """On a page where nothing has the focus yet."""
    tab_to(browser, ".skip-to-content-link", 1)
    press(browser, Keys.ENTER)


def paste(browser: Browser, text: str) -> None:
    browser.developer("Input.insertText", text=text)


def test_the_cursor_is_in_the_first_field_that_is_not_filled_in_already(browser: Browser) -> None:
    browser.open(f"{MAPPINGS}add/?hostname={HOST}")
    assert focused(browser) == "id_prefix"
    browser.open("/admin/routing/hostnameclaim/add/?tenant=1")
    assert focused(browser) == "id_name"


def test_the_palette_finds_pages_and_rows_by_keyboard_alone(browser: Browser) -> None:
    browser.open("/admin/")
    browser.find("body").send_keys("/")
    assert browser.script("return document.activeElement.getAttribute('role')") == "combobox"
    press(browser, "registr")
    browser.until(lambda: "Registries" in marked(browser), "the page is marked")
    press_and_wait(browser, Keys.ENTER, "body.model-registry")
    # A list has a search of its own for the slash.
    browser.find("body").send_keys(Keys.CONTROL, "k")
    press(browser, LONG)
    browser.until(lambda: LONG in marked(browser), "the mapping is marked")
    press(browser, Keys.ARROW_DOWN)
    browser.until(lambda: "Hostnames" in marked(browser), "the next one is marked")
    press(browser, Keys.ARROW_UP)
    press_and_wait(browser, Keys.ENTER, ".effect")
    browser.find("body").send_keys(Keys.CONTROL, "k")
    press(browser, "nothing-of-this-name")
    browser.until(lambda: "Nothing was found" in browser.find(".palette [role=status]").text, "it says so")
    press(browser, Keys.ESCAPE)
    assert not browser.script("return document.querySelector('.palette').open")


def marked(browser: Browser) -> str:
    """What is chosen in the palette."""
    return str(browser.script("return document.querySelector('.palette [aria-selected=true]')?.textContent ?? ''"))


def test_a_slash_that_is_typed_is_no_command(browser: Browser) -> None:
    browser.open(f"{MAPPINGS}add/")
    press(browser, "a/b")
    assert browser.script("return document.activeElement.value") == "a/b"


def test_the_copy_button_says_that_it_has_copied(browser: Browser) -> None:
    browser.open(f"{MAPPINGS}?q={HOST}")
    browser.script(
        "window.heard = []; new MutationObserver(() => heard.push(document.querySelector('body > [role=status]')"
        ".textContent)).observe(document.querySelector('body > [role=status]'), {childList: true})"
    )
    browser.find("#result_list button.copy").click()
    browser.until(lambda: "Copied" in browser.script("return heard"), "it is announced")


@pytest.mark.parametrize("width", [NARROW, ZOOMED])
def test_on_a_telephone_and_at_200_percent_a_menu_leads_everywhere(browser: Browser, width: int) -> None:
    with screen(browser, width):
        browser.open(MAPPINGS)
        browser.find(".menu summary").click()
        browser.find(".menu a[href='/admin/routing/hostname/']").click()
        browser.until(lambda: browser.driver.current_url.endswith("/hostname/"), "the hostnames")
        assert browser.find("#header").size["height"] <= TALLEST_HEADER
        assert browser.script("return document.documentElement.scrollWidth") <= width
        browser.find(".menu summary").click()
        press(browser, Keys.ESCAPE)
        assert not browser.script("return document.querySelector('.menu').open")


def test_the_menu_opens_without_a_script(browser: Browser) -> None:
    browser.developer("Emulation.setScriptExecutionDisabled", value=True)
    try:
        with screen(browser, NARROW):
            browser.open("/admin/")
            browser.find(".menu summary").click()
            browser.find(".menu a[href='/admin/routing/registry/']").click()
            browser.until(lambda: browser.driver.current_url.endswith("/registry/"), "the registries")
    finally:
        browser.developer("Emulation.setScriptExecutionDisabled", value=False)


def test_lists_fit_a_usual_screen_and_rows_are_one_line(browser: Browser) -> None:
    browser.open("/admin/routing/registry/add/")
    browser.type(name="One that is gone", origin=NOBODY_LISTENS)
    browser.press("Save")
    browser.press("Probe now")
    assert "failed" in browser.message
    with screen(browser, WIDE):
        for noun in ("hostname", "registry", "tenant", "mapping"):
            browser.open(f"/admin/routing/{noun}/")
            shown, room = browser.script(
                "const r = document.querySelector('.results'); return [r.scrollWidth, r.clientWidth]"
            )
            assert shown <= room, noun
        rows = browser.driver.find_elements(By.CSS_SELECTOR, "#result_list tbody tr")
        assert max(row.size["height"] for row in rows) <= TALLEST_ROW


def test_a_rows_copy_button_is_quiet_until_its_row_is_looked_at(browser: Browser) -> None:
    with screen(browser, WIDE):
        browser.open(MAPPINGS)
        ActionChains(browser.driver).move_to_element(browser.find("#site-name a")).perform()
        button = browser.find("#result_list button.copy")
        assert button.value_of_css_property("background-color") == "rgba(0, 0, 0, 0)"
        browser.script("document.querySelector('#result_list .route a').focus()")
        assert button.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"


def test_in_forced_colours_buttons_and_badges_have_an_outline(browser: Browser) -> None:
    browser.developer("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    browser.open(f"{MAPPINGS}?q={HOST}")
    for selector in (".badge", "button.copy", "#changelist-search input[type=submit]"):
        assert browser.find(selector).value_of_css_property("border-top-style") == "solid", selector
        assert browser.find(selector).value_of_css_property("border-top-width") != "0px", selector

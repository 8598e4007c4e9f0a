"""In a browser: mappings are repointed as a change set. It is drafted, verified, approved by another, applied, live on
all, found in the history, and undone: by mouse, and by keyboard alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from selenium.webdriver.common.keys import Keys

from tests.e2e.axe import bring_axe, judge
from tests.e2e.browser import Browser
from tests.e2e.facade import Facade
from tests.e2e.test_keyboard import press, press_and_wait, tab_to
from tests.registries.faulty_server import FaultyServer
from tests.verification.content_registry import ContentRegistry

pytestmark = pytest.mark.e2e
HOST, IMAGE = "docker.acme.test", "acme/tools/x"
REPORT = "section[aria-label='Its verification'] a"
HISTORY = "section[aria-labelledby=history-heading] p > a[href$='/history/']"
SECOND, PASSWORD = "second", "a long password of the second"
Registries = tuple[ContentRegistry, ContentRegistry]
_ADD_PERSON = (
    "from django.contrib.auth import get_user_model as m; "
    f"m().objects.create_superuser('{SECOND}', password='{PASSWORD}')"
)


@pytest.fixture
def registries() -> Iterator[Registries]:
    """An old one and a new one, which lacks a tag."""
    with ExitStack() as stack:
        servers = [FaultyServer(), FaultyServer()]
        for server in servers:
            stack.callback(server.stop)
        old, new = (ContentRegistry(server) for server in servers)
        for image in (IMAGE, "acme/other"):
            old.put_image(image, "1.0")
        old.put_image(IMAGE, "2.0", "second")
        old.copy_to(new)
        new.remove_manifest(IMAGE, "2.0")
        yield old, new


def test_draft_report_approve_apply_live_history_undo_by_mouse(registries: Registries) -> None:
    old, new = registries
    with Facade(workers=2, sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        for name in (IMAGE, "acme/other"):
            facade.manage("add_mapping", HOST, name, f"{old.url}/{name}", "--redirect-only")
        facade.manage("facade", "tenant", "require-approval", "default")
        facade.manage("shell", "-c", _ADD_PERSON)
        with Browser(facade) as browser, Browser(facade) as other:
            bring_axe(other)
            browser.sign_in()
            browser.open("/admin/routing/mapping/")
            browser.find("#action-toggle").click()
            browser.find("select[name=action] option[value=repoint_all]").click()
            browser.press("Go")
            browser.type(target=new.url, source=old.url, reason="to Quay")
            browser.press("Draft")
            assert "ask somebody else" in browser.text
            assert "Live on" not in browser.text
            page = browser.driver.current_url.removeprefix(facade.url)
            # WCAG 2.2, 2.5.8: large enough to be hit.
            assert browser.find("#verifying button").size["height"] >= 24
            browser.press("Verify")
            assert "It is being verified" in browser.message
            browser.find(REPORT).click()
            browser.until(lambda: "Verification 1" in browser.text, "the report's page")
            # By itself: nobody loads it anew.
            browser.until(lambda: browser.count("section[aria-label=Differences]"), "what the report found")
            assert f"missing-tag {HOST}/{IMAGE} 2.0" in browser.text
            browser.press("change set 1")
            assert browser.driver.current_url.removeprefix(facade.url) == page

            other.sign_in(SECOND, PASSWORD)
            other.open(page)
            assert "1 difference (missing-tag 1)" in other.text
            assert judge(other, "a change set that waits for an approval") == []
            other.press("Approve")
            assert "Approved" in other.message

            browser.open(page)
            browser.press("Apply")
            assert "Applied: 2 mappings" in browser.message
            is_live_on_all(browser)
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at(new.url))

            browser.press("Mappings")
            browser.find("#result_list .field-route a").click()
            browser.until(lambda: browser.count(".effect"), "the mapping's page")
            browser.find(HISTORY).click()
            browser.until(lambda: browser.count("#then"), "the mapping's history")
            assert "to Quay" in browser.text
            browser.press("change set 1")
            assert browser.driver.current_url.removeprefix(facade.url) == page
            browser.type(message="it broke")
            browser.press("Undo")
            assert "It takes back change set 1" in browser.text
            is_live_on_all(browser)
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at(old.url))
            assert browser.complaints() == other.complaints() == []


def test_draft_report_approve_apply_live_history_undo_by_keyboard_alone() -> None:
    with Facade(workers=2, sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        facade.manage("add_mapping", HOST, "acme/tools", "ghcr.io/acme/tools", "--redirect-only")
        facade.manage("facade", "tenant", "require-approval", "default")
        facade.manage("shell", "-c", _ADD_PERSON)
        with Browser(facade) as browser, Browser(facade) as other:
            browser.sign_in()
            browser.open("/admin/routing/mapping/")
            reach(browser, "#action-toggle")
            press(browser, Keys.SPACE)
            reach(browser, "select[name=action]")
            press(browser, "Repoint")
            reach(browser, "button[name=index]")
            press_and_wait(browser, Keys.ENTER, "[name=target]")
            for name, words in (("source", "ghcr.io"), ("target", "quay.io"), ("reason", "to Quay")):
                reach(browser, f"[name={name}]")
                press(browser, Keys.CONTROL, "a")
                press(browser, words)
            press_and_wait(browser, Keys.ENTER, "#verifying")
            page = browser.driver.current_url.removeprefix(facade.url)
            reach(browser, "#verifying button")
            press_and_wait(browser, Keys.ENTER, REPORT)
            reach(browser, REPORT)
            press_and_wait(browser, Keys.ENTER, "#content")
            assert "Verification" in browser.text

            other.sign_in(SECOND, PASSWORD)
            other.open(page)
            reach(other, "button[value=approve]")
            press_and_wait(other, Keys.ENTER, "[role=status] .messagelist")
            assert "Approved" in other.message

            browser.open(page)
            reach(browser, "button[value=apply]")
            press_and_wait(browser, Keys.ENTER, "[role=status] .messagelist")
            assert "Applied: 1 mapping" in browser.message
            is_live_on_all(browser)
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at("https://quay.io"))
            browser.open("/admin/routing/mapping/")
            reach(browser, "#result_list .field-route a")
            press_and_wait(browser, Keys.ENTER, ".effect")
            reach(browser, HISTORY)
            press_and_wait(browser, Keys.ENTER, "#then")
            assert "change set 1" in browser.text
            browser.open(page)
            reach(browser, "[name=message]")
            press(browser, "it broke")
            press_and_wait(browser, Keys.ENTER, "[role=status] .messagelist")
            is_live_on_all(browser)
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at("https://ghcr.io"))
            assert browser.complaints() == other.complaints() == []


def is_live_on_all(browser: Browser) -> None:
    """The page says so, of each process that answers, and by itself: nobody loads it anew."""
    running = len(browser.facade.worker_pids()) + len(browser.facade.control_worker_pids())
    browser.until(lambda: f"Live on {running} of {running} processes" in browser.text, "live on all")


def reach(browser: Browser, selector: str) -> None:
    """By Tab, from wherever the focus is."""
    tab_to(browser, selector, 90)


def at(registry: str) -> str:
    return f"{registry}/v2/{IMAGE}/manifests/1.0"

"""A program that takes the how-tos' pictures of a switch anew: `scripts/screenshots`.

A mapping is moved from one registry to another, both on loopback, as a change set: drafted, verified, approved by
another, applied, live on all, found in the history, undone.
"""

from __future__ import annotations

import base64

from tests.e2e.axe import screen, use_scheme
from tests.e2e.browser import Browser
from tests.e2e.facade import ROOT, Facade
from tests.e2e.test_change_sets_browser import is_live_on_all
from tests.registries.faulty_server import FaultyServer
from tests.verification.content_registry import ContentRegistry

FOLDER = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1160, 640
HOST, APP = "docker.acme.com", "acme/app"
OLD, NEW = "registry.acme.com", "new.acme.com"
SECOND, PASSWORD = "bob", "a long password of the second"

_SET_UP = """
from django.contrib.auth import get_user_model
from routing.models import Registry
get_user_model().objects.create_superuser({second!r}, password={password!r})
for origin, alias in {aliases!r}.items():
    Registry.objects.filter(origin=origin).update(alias=alias, name=alias)
"""


def main() -> None:
    """Take all of them."""
    servers = [FaultyServer(), FaultyServer()]
    try:
        old, new = (ContentRegistry(server) for server in servers)
        old.put_image(APP, "1.0")
        old.put_image(APP, "2.0", "second")
        old.copy_to(new)
        # So that the report has something to say.
        new.remove_manifest(APP, "2.0")
        with Facade(
            workers=2,
            sqlite=True,
            FACADE_PROBE_ON_SAVE="false",
            FACADE_ALLOW_INSECURE_REGISTRIES="true",
            FACADE_ALLOW_PRIVATE_REGISTRIES="true",
        ) as facade:
            _take(facade, old, new)
    finally:
        for server in servers:
            server.stop()


def _take(facade: Facade, old: ContentRegistry, new: ContentRegistry) -> None:
    facade.manage("add_mapping", HOST, APP, f"{old.url}/{APP}")
    facade.manage("add_mapping", HOST, "acme/new", f"{new.url}/acme/new")
    aliases = {old.url: OLD, new.url: NEW}
    facade.manage("shell", "-c", _SET_UP.format(second=SECOND, password=PASSWORD, aliases=aliases))
    facade.manage("facade", "tenant", "require-approval", "default")
    with (
        Browser(facade) as browser,
        Browser(facade) as other,
        screen(browser, WIDTH, HEIGHT),
        screen(other, WIDTH, HEIGHT),
    ):
        browser.sign_in()
        other.sign_in(SECOND, PASSWORD)
        page = _draft(browser, facade)
        _picture(browser, "switch-draft")
        browser.press("Verify")
        _report(browser)
        _picture(browser, "switch-report")
        other.open(page)
        other.find("#deciding").location_once_scrolled_into_view  # noqa: B018
        _picture(other, "switch-approval")
        other.press("Approve")
        browser.open(page)
        browser.press("Apply")
        is_live_on_all(browser)
        _picture(browser, "switch-applied")
        browser.open("/admin/routing/mapping/?q=docker.acme.com/acme/app")
        browser.find("#result_list .field-route a").click()
        browser.until(lambda: browser.count(".effect"), "the mapping's page")
        browser.open(browser.driver.current_url.removeprefix(facade.url).replace("/change/", "/history/"))
        _picture(browser, "switch-history")
        use_scheme(browser, "dark")
        _picture(browser, "switch-history-dark")
        use_scheme(browser, "light")
        browser.open(page)
        browser.type(message="tag 2.0 is missing there")
        browser.press("Undo")
        is_live_on_all(browser)
        _picture(browser, "switch-undone")


def _draft(browser: Browser, facade: Facade) -> str:
    browser.open("/admin/routing/mapping/?q=docker.acme.com/acme/app")
    browser.find("#action-toggle").click()
    browser.find("select[name=action] option[value=repoint_all]").click()
    browser.press("Go")
    browser.type(target=NEW, source=OLD, reason="CHG-4711: to the new registry")
    browser.press("Draft")
    return browser.driver.current_url.removeprefix(facade.url)


def _report(browser: Browser) -> None:
    """Wait for it, and open it."""

    def is_done() -> bool:
        browser.driver.refresh()
        return "compared 2 of 2" in browser.text

    browser.until(is_done, "the report")
    browser.find("section[aria-label='Its verification'] a").click()
    browser.until(lambda: "missing-tag" in browser.text, "the report's page")


def _picture(browser: Browser, name: str) -> None:
    # Colours fade from one to the other.
    browser.until(lambda: browser.script("return document.getAnimations().length") == 0, "nothing moves")
    taken = browser.developer("Page.captureScreenshot", format="png")
    (FOLDER / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main()

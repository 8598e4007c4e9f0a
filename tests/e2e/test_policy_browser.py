"""Every page to which a link leads, in a real browser: nothing violates the content security policy or is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.e2e.browser import Browser
from tests.e2e.facade import Facade

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOST = "docker.acme.test"
# Which must be among those that were found: else the walk itself is broken.
EXPECTED = {
    "/admin/",
    "/admin/routing/mapping/",
    "/admin/routing/mapping/N/change/",
    "/admin/routing/mapping/N/history/",
    "/admin/routing/mapping/N/delete/",
    "/admin/routing/mapping/add/",
    "/admin/routing/hostname/N/change/",
    "/admin/routing/registry/N/change/",
    "/admin/routing/tenant/N/change/",
    "/admin/routing/membership/add/",
    "/admin/routing/invitation/add/",
    "/admin/routing/hostnameclaim/add/",
    "/admin/auth/user/N/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/password/change/",
}
# Pages to which no link leads while one is signed in, or but by script.
BESIDE = ["/abuse", "/accounts/login/", "/accounts/2fa/webauthn/add/", "/admin/nothing-there/", "/accounts/logout/"]


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=2, sqlite=True, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--reason", EVIL)
        running.manage("repoint", HOST, "acme", "quay.io/acme", "--reason", EVIL)
        yield running


def links(browser: Browser) -> list[str]:
    """The pages of this site to which the page leads, without what stands after ? and #."""
    hrefs = browser.script("return [...document.querySelectorAll('a[href]')].map(link => link.href)")
    site = urlsplit(browser.facade.url).netloc
    return [urlsplit(href).path for href in hrefs if urlsplit(href).netloc == site]


def test_no_page_violates_the_policy(facade: Facade) -> None:
    with Browser(facade) as browser:
        browser.sign_in()
        browser.complaints()
        complaints: dict[str, list[str]] = {}
        seen: set[str] = set()
        waiting = ["/admin/"]
        while waiting:
            path = waiting.pop(0)
            kind = re.sub(r"/\d+/", "/N/", path)
            # Of pages that differ by a number only, one.
            if kind in seen or path.startswith("/static/"):
                continue
            seen.add(kind)
            browser.open(path)
            # Beside a JSON document, which names no icon, the browser looks for one.
            complaints[path] = [said for said in browser.complaints() if "/favicon.ico - " not in said]
            assert "owned" not in browser.driver.title
            waiting += links(browser)
        for path in BESIDE:
            browser.open(path)
            # That a page isn't there, the console notes as well.
            complaints[path] = [said for said in browser.complaints() if "404 (Not Found)" not in said]

        assert {path: said for path, said in complaints.items() if said} == {}
        assert seen >= EXPECTED, sorted(EXPECTED - seen)


def test_a_violation_would_have_been_seen(facade: Facade) -> None:
    """What somebody might smuggle into a page runs nowhere, and the console says so."""
    with Browser(facade) as browser:
        browser.sign_in()
        browser.complaints()
        for smuggled in (
            "const script = document.createElement('script'); script.textContent = \"document.title = 'owned'\";"
            " document.body.append(script)",
            "document.body.insertAdjacentHTML('beforeend', \"<img src=x onerror=document.title='owned'>\")",
            "document.body.insertAdjacentHTML('beforeend', '<p style=color:red>')",
            "const far = document.createElement('script'); far.src = 'https://evil.example/x.js';"
            " document.body.append(far)",
        ):
            browser.open("/admin/")
            browser.script(smuggled)
            said: list[str] = []
            browser.until(lambda said=said: said.extend(browser.complaints()) or said, "the console says so")  # type: ignore[misc]
            assert any("Content Security Policy" in one for one in said), said
            assert "owned" not in browser.driver.title

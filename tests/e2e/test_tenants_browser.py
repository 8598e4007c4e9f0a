"""A tenant looks after itself in a real browser: invited, its owner invites a colleague, claims a hostname, proves it
against a real name server, and sees it served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.dns.name_server import NameServer, at, txt
from tests.e2e.browser import Browser
from tests.e2e.facade import Facade

NAME = "docker.acme.com"
ADDRESSES = "203.0.113.7,2001:db8::7"
PASSWORD = "a password of alice's own"
COPIES = (By.CSS_SELECTOR, ".copy")
TELEPHONE = 390
# The contrast that WCAG 2.2 asks of ordinary text (level AA), and of what.
READABLE = 4.5
TEXTS = (".badge", ".quiet", ".advice", ".advice .quiet", ".record code", ".deeds a", ".deeds button", ".help", "label")


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def facade(name_server: NameServer) -> Iterator[Facade]:
    with Facade(
        workers=2, FACADE_PROBE_ON_SAVE="false", FACADE_DNS_SERVERS=name_server.at, FACADE_ADDRESSES=ADDRESSES
    ) as running:
        yield running


@pytest.fixture(scope="module")
def olga(facade: Facade) -> Iterator[Browser]:
    """An operator of the platform."""
    with Browser(facade) as browser:
        browser.sign_in()
        yield browser


@contextmanager
def owner_of(name: str, facade: Facade, olga: Browser) -> Iterator[Browser]:
    """The browser of alice-<name>, whom Olga invites as the first owner of a tenant of that name."""
    slug = name.lower()
    olga.open("/admin/routing/tenant/add/")
    olga.type(name=name, slug=slug)
    olga.press("Save")
    link = invite(olga, f"alice@{slug}.com", "owner", tenant=name)
    with Browser(facade) as browser:
        accept(browser, link, f"alice-{slug}")
        yield browser


def invite(browser: Browser, email: str, role: str, tenant: str = "") -> str:
    """Invite somebody from the list of members; gives the link that is shown."""
    browser.open("/admin/routing/membership/")
    browser.press("Invite a member")
    if tenant:
        Select(browser.field("tenant")).select_by_visible_text(tenant)
    browser.type(email=email)
    browser.find(f"input[name=role][value={role}]").click()
    browser.press("Save")
    assert "Copy it now" in browser.text
    link = browser.find("button.copy").get_attribute("data-copy")
    assert link is not None
    return link


def accept(browser: Browser, link: str, username: str) -> None:
    """Open an invitation's link, make an account, and be in the admin."""
    # The server has any free port, which no setting knows; links are made from the settings.
    browser.open(urlsplit(link).path)
    browser.press("Create an account")
    browser.type(username=username, password1=PASSWORD, password2=PASSWORD)
    browser.press("Create account and accept")
    browser.until(lambda: browser.driver.current_url.endswith("/admin/"), "the admin")


def test_from_an_invitation_to_a_served_hostname(facade: Facade, olga: Browser, name_server: NameServer) -> None:
    with owner_of("Acme", facade, olga) as alice:
        alice.open("/admin/")
        assert "First steps" in alice.text
        alice.press("Claim a hostname")
        alice.type(name="Docker.Acme.com.")
        alice.press("Save")
        assert f"Claimed {NAME} for Acme" in alice.message
        facade.wait_for("/v2/", 404, host=NAME)
        record, value, *addresses = (
            button.get_attribute("data-copy") for button in alice.driver.find_elements(By.CSS_SELECTOR, ".copy")
        )
        assert addresses == [NAME, "203.0.113.7", NAME, "2001:db8::7"]
        assert record == f"_registry-facade.{NAME}"
        assert value is not None

        alice.press("Check now")
        assert "Not verified yet" in alice.message
        assert f"There is no record at {record}" in alice.find(".advice").text
        alice.open("/admin/")
        assert f"not verified {NAME} claimed for Acme" in alice.text
        alice.press(NAME)

        name_server.answers(record, txt(value))
        alice.press("Check now")
        assert f"Verified: {NAME} is a hostname of Acme now." in alice.message
        assert "Verification record found" in alice.text

        alice.press("Add a mapping for this hostname")
        alice.type(prefix="acme", target="http://127.0.9.9:5000/team", reason="our own name at last")
        Select(alice.field("delivery")).select_by_value("redirect-only")
        alice.press("Save")
        location = "http://127.0.9.9:5000/v2/team/app/manifests/1.0"
        facade.wait_for("/v2/acme/app/manifests/1.0", 307, host=NAME, location=location)
        assert alice.complaints() == []


def test_the_pages_look_by_themselves_until_all_is_done(facade: Facade, olga: Browser, name_server: NameServer) -> None:
    host = "docker.hooli.com"
    with owner_of("Hooli", facade, olga) as alice:
        alice.open("/admin/routing/hostnameclaim/add/")
        alice.type(name=host)
        alice.press("Save")
        assert "This page looks by itself" in alice.text
        record, value = (button.get_attribute("data-copy") for button in alice.driver.find_elements(*COPIES)[:2])
        assert record is not None
        assert value is not None

        name_server.answers(host, at("203.0.113.7"))
        alice.until(lambda: "It has no AAAA record (2001:db8::7)" in alice.text, "the address, without a button")
        name_server.answers(record, txt(value))
        alice.until(lambda: "/routing/hostname/" in alice.driver.current_url, "the hostname's page")
        assert f"Verified: {host} is a hostname of Hooli now." in alice.message

        name_server.answers(host, at("203.0.113.7", "2001:db8::7"))
        alice.until(lambda: f"{host} points to this facade: 203.0.113.7, 2001:db8::7." in alice.text, "both records")
        assert [badge.text for badge in alice.driver.find_elements(By.CSS_SELECTOR, ".record .badge")] == ["found"] * 2
        # All is done, so it looks no more.
        alice.until(lambda: "This page looks by itself" not in alice.text, "the end of it")
        assert alice.complaints() == []


def test_an_owner_invites_and_removes_a_colleague(facade: Facade, olga: Browser) -> None:
    with owner_of("Globex", facade, olga) as alice:
        link = invite(alice, "bob@globex.com", "viewer")
        alice.press("Done")
        assert "bob@globex.com Globex viewer open" in alice.text

        with Browser(facade) as bob:
            accept(bob, link, "bob")
            bob.open("/admin/routing/membership/")
            assert "bob (you)" in bob.text
            assert "Invite a member" not in bob.text

            alice.open("/admin/routing/membership/")
            alice.press("bob")
            alice.find("input[name=role][value=operator]").click()
            alice.press("Save")
            assert alice.message == "Made bob operator of Globex."
            alice.press("Remove bob from Globex")
            alice.type(reason="left")
            alice.press("Remove")
            assert alice.message == "Removed bob from Globex."

            bob.open("/admin/")
            assert bob.count(".figures") == 0
            # The refusal is the one thing of which this browser may complain.
            assert all(" 403 " in complaint for complaint in bob.complaints())
        alice.open("/admin/routing/membership/")
        alice.press("alice-globex (you)")
        alice.press("Leave Globex")
        alice.press("Leave")
        assert "is the last owner of Globex: make someone else an owner" in alice.text
        assert alice.complaints() == []


def test_the_platform_suspends_and_resumes_in_one_action(facade: Facade, olga: Browser) -> None:
    host = "docker.initech.com"
    with owner_of("Initech", facade, olga) as alice:
        facade.manage("vouch_hostname", host, "--tenant", "initech")
        facade.wait_for("/v2/", 200, host=host)
        olga.open("/admin/routing/tenant/")
        olga.press("Initech")
        olga.press("Suspend…")
        olga.type(message="unpaid since May", reason="invoice 9")
        olga.press("Suspend")
        assert olga.message == "Suspended Initech."
        facade.wait_for("/v2/", 403, host=host)
        assert b"unpaid since May" in facade.request("GET", "/v2/", host=host).body
        alice.open("/admin/routing/tenant/")
        alice.press("Initech")
        assert "Clients are told: “unpaid since May”" in alice.text

        olga.press("Resume…")
        olga.type(reason="paid")
        olga.press("Resume")
        facade.wait_for("/v2/", 200, host=host)
        assert olga.complaints() == []


@pytest.fixture(scope="module")
def reader(facade: Facade, olga: Browser) -> Iterator[Browser]:
    """An owner who only reads, of a tenant that has something on each of its pages."""
    with owner_of("Umbrella", facade, olga) as alice:
        facade.manage("vouch_hostname", "docker.umbrella.com", "--tenant", "umbrella")
        facade.manage("claim_hostname", "*.pull.umbrella.com", "--tenant", "umbrella")
        invite(alice, "dora@umbrella.com", "operator")
        yield alice


@pytest.fixture(scope="module")
def pages(facade: Facade, reader: Browser) -> list[str]:
    """The pages of tenants."""
    found = ["/admin/", "/admin/routing/hostnameclaim/add/", "/admin/routing/invitation/add/"]
    for noun in ("membership", "invitation", "hostnameclaim", "hostname", "tenant"):
        reader.open(f"/admin/routing/{noun}/")
        page = str(reader.find("#result_list th a").get_attribute("href")).removeprefix(facade.url)
        found += [f"/admin/routing/{noun}/", page]
        found += [] if noun == "tenant" else [page.replace("/change/", "/delete/")]
    return found


def test_no_page_is_wider_than_a_telephone(reader: Browser, pages: list[str]) -> None:
    reader.developer(
        "Emulation.setDeviceMetricsOverride", width=TELEPHONE, height=844, deviceScaleFactor=1, mobile=False
    )
    try:
        for path in pages:
            reader.open(path)
            assert reader.script("return window.innerWidth") == TELEPHONE
            assert reader.script("return document.documentElement.scrollWidth") <= TELEPHONE, path
    finally:
        reader.developer("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_both_readable(reader: Browser, pages: list[str], scheme: str) -> None:
    reader.developer("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        low = {}
        for path in pages:
            reader.open(path)
            for selector in TEXTS:
                if reader.count(selector) and reader.find(selector).is_displayed():
                    ratio = reader.contrast(selector)
                    if ratio < READABLE:
                        low[f"{path} {selector}"] = ratio
        assert low == {}
    finally:
        reader.developer("Emulation.setEmulatedMedia", features=[])

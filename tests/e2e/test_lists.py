"""Long lists in a real browser: choose columns, save a filter, open it as a colleague, take along what is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.e2e.axe import bring_axe, judge
from tests.e2e.browser import Browser
from tests.e2e.facade import PASSWORD, Facade

MAPPINGS = "/admin/routing/mapping/"
_ROWS = f"""
from django.contrib.auth.models import User
from routing.models import Membership, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, switch_mappings
by = Actor.program("tests")
for host, prefix, tenant in (("acme", "app", "acme"), ("acme", "off", "acme"), ("globex", "off", "globex")):
    given = dict(hostname=f"docker.{{host}}.test", prefix=prefix, target="ghcr.io/x", tenant=tenant)
    row = add_mapping(by, "r", **given).mapping
    if prefix == "off":
        switch_mappings(by, "r", mapping_ids=[row.pk], enabled=False)
for name, role in (("anna", "operator"), ("ben", "viewer")):
    user = User.objects.create_user(name, password={PASSWORD!r})
    Membership.objects.create(user=user, tenant=Tenant.objects.get(slug="acme"), role=role)
"""
_FETCH = """
const done = arguments[arguments.length - 1];
fetch(arguments[0]).then((answer) => answer.text()).then(done, (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("shell", "-v0", "-c", _ROWS)
        yield running


@pytest.fixture
def anna(facade: Facade) -> Iterator[Browser]:
    with Browser(facade) as browser:
        bring_axe(browser)
        browser.sign_in("anna")
        browser.complaints()
        yield browser
        assert browser.complaints() == []


@pytest.fixture
def ben(facade: Facade) -> Iterator[Browser]:
    with Browser(facade) as browser:
        browser.sign_in("ben")
        yield browser


def sources(browser: Browser) -> list[str]:
    found: list[str] = browser.script(
        "return [...document.querySelectorAll('#result_list .field-route .source')].map((each) => each.textContent)"
    )
    return [source.strip() for source in found]


def test_a_list_is_made_ones_own_shared_and_taken_along(anna: Browser, ben: Browser) -> None:
    anna.open(MAPPINGS)
    # By keyboard alone, as far as columns go.
    anna.find(".columns summary").send_keys(Keys.ENTER)
    anna.find(".columns input[value=number]").send_keys(Keys.SPACE)
    anna.find(".columns input[value=delivered]").send_keys(Keys.SPACE)
    anna.find(".columns button[type=submit]").send_keys(Keys.ENTER)
    anna.until(lambda: anna.count("#result_list .field-number") == 2, "the column is there")
    assert anna.count("#result_list .field-delivered") == 0

    anna.open(f"{MAPPINGS}?state=off")
    anna.find("#filter_save_opener").click()
    anna.type(name="switched off")
    Select(anna.field("tenant")).select_by_value("acme")
    anna.find("[name=deed][value=save]").click()
    anna.until(lambda: anna.count(".messagelist"), "it is saved")
    assert "Saved the filter “switched off”." in anna.message
    assert sources(anna) == ["docker.acme.test/off"]

    ben.open(MAPPINGS)
    assert len(sources(ben)) == 2
    ben.find("details.filter summary").click()
    ben.press("switched off (acme)")
    assert sources(ben) == ["docker.acme.test/off"]
    assert ben.count("#result_list .field-number") == 0
    assert "Shared in" not in ben.text
    address = ben.driver.find_element("link text", "Export as CSV").get_attribute("href")
    ben.driver.set_script_timeout(20)
    table = ben.driver.execute_async_script(_FETCH, address)
    assert [line.split(",")[:2] for line in table.splitlines()[1:]] == [["docker.acme.test", "off"]]


def test_axe_finds_nothing_in_the_list_with_all_that_opens(anna: Browser) -> None:
    found = []
    anna.open(f"{MAPPINGS}?q=acme")
    # It opens whatever folds.
    found += judge(anna, "a list with what can be saved")
    anna.type(name="mine")
    anna.find("[name=deed][value=save]").click()
    anna.until(lambda: anna.count(".messagelist"), "it is saved")
    found += judge(anna, "a list by a saved filter")
    assert found == []

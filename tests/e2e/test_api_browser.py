"""An API token made in a real browser, and used over a real socket; the strict policy holds on the API's own pages."""

from collections.abc import Iterator

import pytest

from tests.e2e.browser import Browser
from tests.e2e.facade import PASSWORD, Facade

pytestmark = pytest.mark.e2e
TOKENS = "/accounts/api-tokens/"


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false") as running:
        yield running


def test_a_token_is_made_used_and_revoked(facade: Facade) -> None:
    with Browser(facade) as browser:
        browser.sign_in()
        browser.open(TOKENS)
        browser.type(name="pipeline", days="9")
        browser.press("Create token")
        # What was sent goes on by itself once the password is given.
        browser.type(password=PASSWORD)
        browser.press("Confirm")
        secret = browser.find("#new-token").text

        added = facade.request(
            "POST",
            "/api/v1/mappings",
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            body=b'{"hostname": "docker.acme.test", "target": "quay.io/acme", "create_hostname": true}',
        )
        assert added.status == 201, added.body

        browser.open("/api/v1/")
        browser.find("details.operation summary").click()
        assert "GET /api/v1/whoami" in browser.text
        browser.open(TOKENS)
        assert secret not in browser.text
        browser.press("Revoke")
        refused = facade.request("GET", "/api/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
        assert refused.status == 401
        assert browser.complaints() == []

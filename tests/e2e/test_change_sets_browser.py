"""In a browser: mappings are repointed as a change set, which another approves; it is applied, served, and undone."""

from __future__ import annotations

import pytest

from tests.e2e.axe import bring_axe, judge
from tests.e2e.browser import Browser
from tests.e2e.facade import Facade

pytestmark = pytest.mark.e2e
HOST, IMAGE = "docker.acme.test", "acme/tools/x"
SECOND, PASSWORD = "second", "a long password of the second"
_ADD_PERSON = (
    "from django.contrib.auth import get_user_model as m; "
    f"m().objects.create_superuser('{SECOND}', password='{PASSWORD}')"
)


def test_draft_approve_apply_undo() -> None:
    with Facade(workers=2, sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        for name in ("acme", "acme/tools"):
            facade.manage("add_mapping", HOST, name, f"ghcr.io/{name}", "--redirect-only")
        facade.manage("facade", "tenant", "require-approval", "default")
        facade.manage("shell", "-c", _ADD_PERSON)
        with Browser(facade) as browser, Browser(facade) as other:
            bring_axe(other)
            browser.sign_in()
            browser.open("/admin/routing/mapping/")
            browser.find("#action-toggle").click()
            browser.find("select[name=action] option[value=repoint_all]").click()
            browser.press("Go")
            browser.type(target="quay.io", source="ghcr.io", reason="to Quay")
            browser.press("Draft")
            assert "ask somebody else" in browser.text
            page = browser.driver.current_url.removeprefix(facade.url)

            other.sign_in(SECOND, PASSWORD)
            other.open(page)
            assert judge(other, "a change set that waits for an approval") == []
            other.press("Approve")
            assert "Approved" in other.message

            browser.open(page)
            browser.press("Apply")
            assert "Applied: 2 mappings" in browser.message
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at("quay.io"))
            browser.type(message="it broke")
            browser.press("Undo")
            facade.wait_for(f"/v2/{IMAGE}/manifests/1.0", 307, host=HOST, location=at("ghcr.io"))
            assert browser.complaints() == other.complaints() == []


def at(registry: str) -> str:
    return f"https://{registry}/v2/{IMAGE}/manifests/1.0"

"""The search of every page: rows of all kinds and what was pulled lately, as far as the asker may see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import Mapping
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import SET_UP, AdminClient, text_of
from tests.conftest import Person
from tests.services.pulls.counts import asked

pytestmark = pytest.mark.django_db
DIGEST = f"sha256:{'ab' * 32}"


@pytest.fixture(autouse=True)
def _some(owner: Person, outsider: Person) -> None:
    add_mapping(SET_UP, "", hostname=owner.hostname.name, prefix="acme", target="ghcr.io/acme")
    add_mapping(SET_UP, "", hostname=outsider.hostname.name, prefix="secret", target="quay.io/secret")
    asked(owner.tenant, owner.hostname.name, "acme/app", DIGEST, 9)
    asked(outsider.tenant, outsider.hostname.name, "secret/app", "1.0", 9)


def suggested(person: Person, wanted: str) -> list[tuple[str, str]]:
    """What was found, as its kind and its words."""
    answer = AdminClient(person.user).client.get("/admin/search/suggestions/", {"q": wanted})
    return [(each["kind"], each["words"]) for each in answer.json()["found"]]


def test_a_few_letters_find_rows_of_every_kind(owner: Person) -> None:
    found = suggested(owner, owner.hostname.name)

    assert {"Mappings", "Hostnames"} <= {kind for kind, _ in found}
    assert ("Hostnames", owner.hostname.name) in found


@pytest.mark.parametrize("wanted", ["{host}/acme/app:1.0", "docker pull {host}/acme/app@" + DIGEST, "ghcr.io/acme/app"])
def test_an_image_as_it_is_pulled_finds_its_mapping(owner: Person, wanted: str) -> None:
    mapping = Mapping.objects.get(prefix="acme")

    assert ("Mappings", str(mapping)) in suggested(owner, wanted.format(host=owner.hostname.name))


@pytest.mark.parametrize("wanted", [DIGEST, "acme/a"])
def test_what_was_asked_for_lately_is_found_by_digest_or_name(owner: Person, wanted: str) -> None:
    assert ("Pulled lately", f"{owner.hostname.name}/acme/app") in suggested(owner, wanted)


@pytest.mark.parametrize("wanted", ["secret", "quay.io/secret", "1.0"])
def test_nobody_finds_what_is_another_tenants(owner: Person, outsider: Person, wanted: str) -> None:
    assert [words for _, words in suggested(owner, wanted) if "secret" in words] == []
    assert [words for _, words in suggested(outsider, "secret") if "secret" in words] != []


def test_the_page_leads_to_each_and_to_the_whole_list(owner: Person) -> None:
    for number in range(8):
        add_mapping(SET_UP, "", hostname=owner.hostname.name, prefix=f"many-{number}", target="ghcr.io/acme")
    page = AdminClient(owner.user).client.get("/admin/search/", {"q": "many-"})

    assert page.content.decode().count("/many-") == 6
    assert 'href="/admin/routing/mapping/?q=many-"' in page.content.decode()
    assert "Nothing was found of “nowhere”" in text_of(
        AdminClient(owner.user).client.get("/admin/search/", {"q": "nowhere"})
    )


@pytest.mark.parametrize("wanted", ["x" * 5000, "a " * 3000, "%", "'\"<script>", "sha256:", "\ud7ff￿"])
def test_whatever_is_typed_is_answered(owner: Person, wanted: str) -> None:
    page: Any = AdminClient(owner.user).client.get("/admin/search/", {"q": wanted})

    assert page.status_code == 200
    assert "<script>" not in page.content.decode().partition("<main")[2].partition("</main>")[0]


def test_more_rows_take_no_more_queries(admin: AdminClient, owner: Person) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as made:
            admin.client.get("/admin/search/suggestions/", {"q": "acme"})
        return len(made)

    queries()
    few = queries()
    for number in range(20):
        add_mapping(SET_UP, "", hostname=owner.hostname.name, prefix=f"acme-{number}", target="ghcr.io/acme")

    assert queries() <= few


def test_the_navigation_marks_the_page_that_is_open(admin: AdminClient) -> None:
    def marked(page: str) -> str:
        shown = admin.client.get(page).content.decode()
        side = shown[shown.index('class="sidebar"') : shown.index('class="whoami"')]
        assert side.count('aria-current="page"') == 1
        return side.partition('aria-current="page">')[2].partition("<")[0]

    assert marked("/admin/") == "Overview"
    assert marked("/admin/routing/hostname/") == "Hostnames"
    # A claim is no hostname, though the address of one begins like the other's.
    assert marked("/admin/routing/hostnameclaim/") == "Hostname claims"
    assert marked("/admin/routing/mapping/add/") == "Mappings"


@pytest.mark.parametrize("page", ["/accounts/2fa/", "/accounts/api-tokens/", "/api/v1/", "/admin/nothing/"])
def test_account_reference_and_errors_stand_in_the_same_frame(admin: AdminClient, page: str) -> None:
    shown = admin.client.get(page).content.decode()

    assert 'class="sidebar"' in shown
    assert 'href="/admin/routing/mapping/"' in shown


def test_who_is_not_signed_in_sees_no_navigation(client: Any, admin: AdminClient) -> None:
    shown = client.get("/accounts/login/", headers={"host": "localhost"}).content.decode()

    assert 'id="site-name"' in shown
    assert 'class="sidebar"' not in shown

"""Security headers on every page, and pages that keep to the policy: no inline script, style or handler."""

from collections.abc import Iterator
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from routing.services.base.actor import Actor
from routing.services.hostnames.claims import claim_hostname
from routing.services.mappings.mappings import add_mapping
from routing.services.people.members import invite
from tests.accounts.signing_in import PASSWORD, Browser, page, sign_in
from tests.conftest import Person

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
# Types of script elements that browsers take as data (HTML standard, "prepare the script element").
DATA_TYPES = {"application/json"}


class Inline(HTMLParser):
    """Collects what the policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") not in DATA_TYPES):
            self.found.append(f"<{tag}>")
        self.found += [name for name in given if name == "style" or name.startswith("on")]
        self.found += [value for value in given.values() if value and value.strip().lower().startswith("javascript:")]


def inline_in(text: str) -> list[str]:
    parser = Inline()
    parser.feed(text)
    return parser.found


def names(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[str]:
    """Every named view."""
    found = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            found += names(pattern.url_patterns, inner)
        elif pattern.name:
            found.append(prefix + pattern.name)
    return found


def addresses() -> list[str]:
    """Every page that can be asked for without arguments."""
    found = set()
    for name in names(get_resolver().url_patterns):
        try:
            found.add(reverse(name))
        except NoReverseMatch:
            continue
    return sorted(found)


def check(answer: Any) -> None:
    headers = answer.headers
    assert set(headers["Content-Security-Policy"].split("; ")) == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    if headers.get("Content-Type", "").startswith("text/html"):
        assert inline_in(page(answer)) == []


def test_the_reader_finds_what_is_forbidden() -> None:
    text = """<p style="x"><a href="javascript:0" onclick="x">a</a><script>x</script><style>x</style>
        <script type="application/json">{}</script><script src="a.js"></script>"""

    assert sorted(inline_in(text)) == sorted(["style", "onclick", "javascript:0", "<script>", "<style>"])


@pytest.fixture(scope="module")
def signed_in(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[SimpleCookie]:
    """The cookies of somebody who may see everything, signed in once for all pages."""
    with django_db_blocker.unblock(), transaction.atomic():
        User.objects.create_superuser("walker", "walker@platform.example", PASSWORD)
        browser = Browser()
        sign_in(browser, "walker")
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        yield browser.cookies
        transaction.set_rollback(True)


@pytest.mark.parametrize("path", addresses())
@pytest.mark.parametrize("who", ["anonymous", "signed in"])
def test_every_page(client: Browser, signed_in: SimpleCookie, path: str, who: str) -> None:
    if who == "signed in":
        client.cookies.update(signed_in)

    answer = client.get(path)

    assert answer.status_code < 500
    check(answer)


def test_the_walk_comes_by_what_matters() -> None:
    walked = addresses()

    for path in (
        "/abuse",
        "/accounts/login/",
        "/accounts/2fa/totp/activate/",
        "/admin/",
        "/admin/routing/mapping/add/",
    ):
        assert path in walked
    assert len(walked) > 30


def test_pages_of_rows(client: Browser, owner: Person) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    add_mapping(Actor.person(root), "", hostname=owner.hostname.name, prefix="acme", target="ghcr.io/acme")
    invite(Actor.person(root), tenant_id=owner.tenant.pk, email="dora@example.com", role="viewer")
    claim_hostname(Actor.person(root), tenant_id=owner.tenant.pk, name="claimed.acme.com")
    sign_in(client, "root")
    rows = [(model, model._default_manager.first()) for model in django_admin.site._registry]

    for model, row in rows:
        for view in ("change", "delete", "history"):
            # Members, invitations and claims keep no history.
            lacking = view == "history" and model._meta.app_label == "routing" and not hasattr(model, "history")
            if row is not None and not lacking:
                name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}"
                answer = client.get(reverse(name, args=[row.pk]))
                assert answer.status_code == 200
                check(answer)


@pytest.mark.parametrize("path", ["/nothing-here", "/admin/nothing-here/", "/accounts/invitation/forged/"])
def test_pages_that_are_not_there(client: Browser, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code in (302, 404)
    check(answer)


def test_a_refused_form(client: Browser) -> None:
    # Without the token against cross-site forgery, on a page that browsers show.
    answer = Browser(enforce_csrf_checks=True).post("/accounts/login/", {"login": "root", "password": PASSWORD})

    assert answer.status_code == 403
    assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY

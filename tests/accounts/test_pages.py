"""Where the account pages are, where they are not, and the page for reports of abuse."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from routing.templatetags.sentence_case import as_a_sentence
from tests.accounts.signing_in import PASSWORD, Browser, page
from tests.conftest import Person

CONTROL_PAGES = ["/admin/", "/admin/login/", "/accounts/login/", "/accounts/2fa/", "/abuse", "/livez"]


@pytest.mark.parametrize("path", CONTROL_PAGES)
def test_a_tenants_hostname_has_none_of_them(client: Browser, owner: Person, table: object, path: str) -> None:
    assert callable(table)
    table()
    User.objects.create_superuser("root", password=PASSWORD)
    client.login(username="root", password=PASSWORD)

    answer = client.get(path, HTTP_HOST=owner.hostname.name)

    assert answer.status_code == (200 if path == "/abuse" else 404)
    assert 'name="login"' not in page(answer)
    assert not answer.cookies


@pytest.mark.parametrize("path", CONTROL_PAGES)
def test_nor_has_a_name_that_nobody_knows(client: Browser, path: str) -> None:
    assert client.get(path, HTTP_HOST="unknown.example").status_code == (200 if path == "/abuse" else 404)


@pytest.mark.parametrize("path", CONTROL_PAGES)
def test_nor_does_a_forwarded_host_of_a_stranger_bring_them_back(client: Browser, owner: Person, path: str) -> None:
    answer = client.get(path, HTTP_HOST=owner.hostname.name, HTTP_X_FORWARDED_HOST="localhost")

    assert answer.status_code == (200 if path == "/abuse" else 404)
    assert 'name="login"' not in page(answer)


# Words of django-allauth's pages.
IN_SENTENCE_CASE = {
    "/accounts/2fa/": (
        "<h1>Two-factor authentication</h1>",
        "<title>Two-factor authentication |",
        "<h2>Security keys</h2>",
    ),
    "/accounts/password/change/": ("<h1>Change password</h1>", ">Change password</button>"),
    "/accounts/logout/": ("<h1>Sign out</h1>", ">Sign out</button>"),
}


@pytest.mark.parametrize("path", IN_SENTENCE_CASE)
def test_headings_and_buttons_of_django_allauth_are_in_sentence_case(client: Browser, path: str) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    client.login(username="root", password=PASSWORD)

    shown = page(client.get(path))

    assert [words for words in IN_SENTENCE_CASE[path] if words not in shown] == []


def test_words_that_are_not_django_allauths_stay_as_they_are() -> None:
    assert as_a_sentence(" Sign In ") == "Sign in"
    assert as_a_sentence("Sign in with Acme Login") == "Sign in with Acme Login"


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("abuse@acme.example", "mailto:abuse@acme.example"),
        ("https://acme.example/abuse", "https://acme.example/abuse"),
    ],
)
def test_abuse_is_reported_without_signing_in(client: Browser, settings: Settings, contact: str, link: str) -> None:
    settings.FACADE_ABUSE_CONTACT = contact

    shown = page(client.get("/abuse"))

    assert f'<a href="{link}">{contact}</a>' in shown
    assert 'href="/abuse"' in page(client.get("/accounts/login/"))


def test_where_nobody_said_where_to_report_it_the_page_says_that(client: Browser, settings: Settings) -> None:
    settings.FACADE_ABUSE_CONTACT = ""

    answer = client.get("/abuse")

    assert answer.status_code == 200
    assert "No contact for abuse is configured" in page(answer)
    assert 'href="/abuse"' not in page(answer)

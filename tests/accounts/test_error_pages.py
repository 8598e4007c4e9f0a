"""Whatever is refused or goes wrong on a control host is told in the product's own frame, with a way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.template import loader
from django.urls import get_resolver
from django.utils.module_loading import import_string

from routing.database.failures import Failure
from routing.database.outage import outage
from tests.accounts.signing_in import LOGIN, PASSWORD, Browser, page
from tests.conftest import Person

DJANGOS = (
    "Server Error (500)",
    "Bad Request (400)",
    "403 Forbidden",
    "CSRF verification failed",
    "The requested resource was not found",
)


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("nobody foresaw this")


@pytest.fixture(autouse=True)
def outage_ends() -> Any:
    yield
    outage.end()


@pytest.fixture
def people(client: Browser, owner: Person) -> dict[str, Browser]:
    """Somebody who is not signed in, somebody without a role, and an owner."""
    User.objects.create_user("zoe", password=PASSWORD)
    found = {"nobody": client}
    for name in ("zoe", owner.user.username):
        found[name] = Browser(raise_request_exception=False)
        found[name].force_login(User.objects.get(username=name))
    found["owner"] = found.pop(owner.user.username)
    client.raise_request_exception = False
    return found


def too_many_fields(browser: Browser) -> Any:
    return browser.post(LOGIN, {f"field{number}": "x" for number in range(1200)})


def nul(browser: Browser) -> Any:
    return browser.get("/admin/routing/mapping/?q=%00")


def other_sites_form(browser: Browser) -> Any:
    browser.handler.enforce_csrf_checks = True
    return browser.post("/accounts/password/change/" if "sessionid" in browser.cookies else LOGIN, {"login": "x"})


def outage_of_the_database(browser: Browser) -> Any:
    outage.begin(Failure.GONE)
    return browser.get("/admin/")


REFUSALS: dict[str, tuple[int, str, Callable[[Browser], Any]]] = {
    "a form that is too long": (400, "nobody", too_many_fields),
    "a NUL": (400, "owner", nul),
    "a page for another role": (403, "owner", lambda browser: browser.get("/admin/routing/tenant/add/")),
    "the admin without any role": (403, "zoe", lambda browser: browser.get("/admin/login/")),
    "another site's form": (403, "nobody", other_sites_form),
    "another site's form for who is signed in": (403, "owner", other_sites_form),
    "no such page": (404, "nobody", lambda browser: browser.get("/nothing-there/")),
    "no such page for who is signed in": (404, "owner", lambda browser: browser.get("/accounts/nothing/")),
    "no such file": (404, "nobody", lambda browser: browser.get("/static/nothing.css")),
    "a form where there is none": (405, "nobody", lambda browser: browser.post("/abuse")),
    "a link to a deed": (405, "owner", lambda browser: browser.get("/accounts/api-tokens/1/revoke/")),
    "the database gone": (503, "nobody", outage_of_the_database),
}


def is_in_the_frame(answer: Any) -> bool:
    """Whether it is a page as all others are: name, styles for light and dark, the switch between them."""
    shown = page(answer)
    return all(
        part in shown
        for part in (
            '<html lang="en-gb"',
            'id="site-name"',
            "admin/css/dark_mode",
            "routing/accounts",
            "theme-toggle",
            'name="viewport"',
            " | Registry Facade</title>",
        )
    ) and not any(words in shown for words in DJANGOS)


def ways_on(answer: Any) -> set[str]:
    shown = page(answer)
    links = {"overview": "/admin/", "sign in": LOGIN, "account": "/accounts/2fa/"}
    return {
        way
        for way, url in links.items()
        if f'class="button" href="{url}"' in shown or f'secondary" href="{url}"' in shown
    }


@pytest.mark.parametrize("case", REFUSALS)
def test_every_refusal_is_a_page_of_ours_with_a_way_on(people: dict[str, Browser], case: str) -> None:
    status, who, ask = REFUSALS[case]

    answer = ask(people[who])

    assert answer.status_code == status
    assert is_in_the_frame(answer), page(answer)
    assert answer["X-Request-ID"] in page(answer)
    if status == 503:
        assert 'href="/admin/">Try again' in page(answer)
    else:
        assert ways_on(answer) & {"overview", "sign in", "account"}


def test_who_is_signed_in_is_led_to_the_overview_and_nobody_to_where_they_are_not_let_in(
    people: dict[str, Browser],
) -> None:
    assert ways_on(people["owner"].get("/nothing-there/")) == {"overview"}
    assert ways_on(people["owner"].get("/admin/routing/tenant/add/")) == {"overview"}
    assert ways_on(people["nobody"].get("/nothing-there/")) == {"sign in"}
    assert ways_on(people["zoe"].get("/admin/login/")) == {"account"}


def test_too_many_attempts(client: Browser, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/h/ip"}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client.post("/accounts/password/reset/", {"email": "zoe@example.com"})

    answer = client.post("/accounts/password/reset/", {"email": "zoe@example.com"})

    assert answer.status_code == 429
    assert is_in_the_frame(answer)
    assert ways_on(answer) == {"sign in"}


@pytest.mark.parametrize(
    "part",
    [
        "routing.accounts.context.sends_mail",
        "django.contrib.auth.context_processors.PermWrapper",
        "django.contrib.messages.context_processors.get_messages",
        "django.contrib.sessions.backends.db.SessionStore.load",
    ],
)
def test_what_goes_wrong_in_what_every_page_asks_is_still_told_in_the_frame(
    people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(part, broken)

    answer = people["owner"].get("/accounts/api-tokens/")

    assert answer.status_code == 500
    assert is_in_the_frame(answer)
    assert ways_on(answer) == {"overview", "sign in"}
    assert answer["X-Request-ID"] in page(answer)


def test_the_pages_of_500_and_503_ask_no_database(
    people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr("routing.accounts.session_middleware.SessionMiddleware.process_request", broken)
    with django_assert_num_queries(0):
        assert people["owner"].get("/accounts/api-tokens/").status_code == 500
        assert outage_of_the_database(people["owner"]).status_code == 503


@pytest.mark.parametrize("failure", ["error", "outage"])
def test_where_not_even_a_template_can_be_had_the_words_stand_alone(
    people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    monkeypatch.setattr(loader, "get_template", broken)
    if failure == "error":
        monkeypatch.setattr("routing.accounts.context.sends_mail", broken)
        answer = people["owner"].get("/abuse")
    else:
        answer = outage_of_the_database(people["owner"])

    assert answer.status_code == {"error": 500, "outage": 503}[failure]
    assert answer["X-Request-ID"] in page(answer)
    assert 'href="/admin/"' in page(answer)


def test_programs_keep_their_own_answers(client: Browser) -> None:
    answer = client.post("/api/v1/whoami")

    assert answer.status_code == 405
    assert "site-name" not in page(answer)


def test_no_handler_is_djangos_own_words() -> None:
    """Each of Django's handlers finds a template of ours."""
    for template in (
        "400.html",
        "refused.html",
        "403.html",
        "403_csrf.html",
        "404.html",
        "405.html",
        "429.html",
        "500.html",
        "503.html",
    ):
        assert "routing" in str(loader.get_template(template).origin)  # type: ignore[attr-defined]
    resolver = get_resolver()
    for status in (400, 500):
        assert resolver.resolve_error_handler(status).__module__.startswith("routing.")
    assert import_string(django_settings.CSRF_FAILURE_VIEW).__module__.startswith("routing.")

"""What is refused before there is a session is a page to people, a problem to callers of the API, and else a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import live_table

HOST = "facade.acme.test"
SECURE = {"wsgi.url_scheme": "https"}
# What is asked with, the status, the API's code, and some of the words.
REFUSALS: dict[str, tuple[str, dict[str, Any], int, str, str]] = {
    "too long": ("post", {**SECURE, "CONTENT_LENGTH": str(10**9)}, 413, "too_large", "longer than 2.5 MiB"),
    "of no length": ("put", {**SECURE, "HTTP_TRANSFER_ENCODING": "chunked"}, 413, "too_large", "longer than 2.5 MiB"),
    "in the clear": ("post", {}, 403, "permission_denied", "https:// only"),
    "by a stranger's proxy": ("get", {"HTTP_X_FORWARDED_PROTO": "https"}, 403, "permission_denied", "not trusted"),
}
every_refusal = pytest.mark.parametrize("kind", REFUSALS)


@pytest.fixture(autouse=True)
def _as_deployed(db: None, settings: Settings, table: Callable[[], Table]) -> None:
    settings.FACADE_TLS = True
    settings.FACADE_CONTROL_HOSTS = settings.ALLOWED_HOSTS = [HOST, "localhost"]
    # The control hosts are part of the table.
    live_table.table = None
    table()


def ask(kind: str, path: str) -> tuple[Any, str, str]:
    """The answer, and the code and the words that belong to it."""
    method, variables, status, code, words = REFUSALS[kind]
    answer = getattr(Client(headers={"host": HOST}), method)(path, **variables)
    assert answer.status_code == status
    return answer, code, words


@every_refusal
@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/", "/nothing/here"])
def test_people_get_a_page(kind: str, path: str) -> None:
    answer, _, words = ask(kind, path)

    page = answer.content.decode()
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert words in page
    assert answer["X-Request-ID"] in page
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@every_refusal
@pytest.mark.parametrize("path", ["/api/v1/mappings", "/api/nothing", "/api"])
def test_callers_of_the_api_get_a_problem(kind: str, path: str) -> None:
    answer, code, words = ask(kind, path)

    problem = answer.json()
    assert (problem["code"], problem["request_id"]) == (code, answer["X-Request-ID"])
    assert words in problem["message"]


def test_the_way_on_from_a_form_in_the_clear_is_the_same_page_by_https() -> None:
    answer, *_ = ask("in the clear", "/accounts/login/")

    assert f'href="https://{HOST}/accounts/login/"' in answer.content.decode()


def test_programs_get_a_line() -> None:
    answer, _, words = ask("too long", "/metrics")

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert words in answer.content.decode()

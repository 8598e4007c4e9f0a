"""While the database is known to be gone, nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from routing.core.table.routing_table import Table
from routing.database import outage as module
from routing.database.failures import Failure
from routing.database.outage import outage
from routing.dataplane.live.live_table import live_table
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

PAGES = ("/admin/", "/admin/routing/mapping/", "/accounts/login/", "/accounts/api-tokens/")
API = ("/api/v1/whoami", "/api/v1/mappings")


@pytest.fixture(autouse=True)
def _lasts_as_long_as_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a test takes longer than an outage that nobody confirms."""
    monkeypatch.setattr(module, "_HOLDS_SECONDS", 600)


@pytest.fixture
def client(db: None, table: Callable[[], Table]) -> Client:
    table()
    return Client(headers={"host": "localhost"}, raise_request_exception=False)


def gone(*_: object, **__: object) -> Any:
    words = "server closed the connection unexpectedly"
    raise OperationalError(words) from psycopg.OperationalError(words)


@pytest.mark.parametrize("failure", [Failure.GONE, Failure.NOT_MIGRATED, Failure.DAMAGED])
@pytest.mark.parametrize("path", [*PAGES, *API])
def test_an_outage_is_answered_without_a_query(
    client: Client, path: str, failure: Failure, django_assert_num_queries: Any
) -> None:
    outage.begin(failure)

    with django_assert_num_queries(0):
        answer = client.get(path)

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert answer["Cache-Control"]
    if path in API:
        told = answer.json()
        assert told["message"] == failure.sentence
        assert told["request_id"] == answer["X-Request-ID"]
    else:
        page = answer.content.decode()
        assert "generation" in page
        assert answer["X-Request-ID"] in page


def test_what_needs_no_database_goes_on(client: Client) -> None:
    outage.begin(Failure.GONE)

    assert [client.get(path).status_code for path in ("/livez", "/readyz", "/abuse")] == [200] * 3


def test_a_page_that_finds_it_gone_says_so_and_the_next_ask_no_more(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", gone)
    client.cookies["sessionid"] = "sessionofbefore"

    first = client.get("/admin/")
    with django_assert_num_queries(0):
        second = client.get("/admin/")

    assert (first.status_code, second.status_code) == (503, 503)
    assert "Traceback" not in caplog.text
    outage.end()
    monkeypatch.undo()
    assert client.get("/admin/").status_code == 302


def test_the_api_that_finds_it_gone_says_so(owner: Person, table: Callable[[], Table], monkeypatch: Any) -> None:
    table()
    api = api_client_for(owner)
    monkeypatch.setattr("routing.api.routers.mappings.verbs.add_mapping", gone)

    answer = api.send("post", "mappings", hostname="a.example", target="ghcr.io/x")

    assert answer.status_code == 503
    assert "can't be reached" in answer.json()["message"]
    assert outage.failure is Failure.GONE


def test_an_error_that_is_no_outage_stays_a_fault_of_ours(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise InterfaceError("something else")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", broken)
    client.cookies["sessionid"] = "sessionofbefore"

    assert client.get("/admin/").status_code == 500
    assert outage.failure is None


def test_an_outage_that_nobody_confirms_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("routing.database.outage.time.monotonic", lambda: now)
    outage.begin(Failure.GONE)
    assert outage.failure is Failure.GONE
    now += 601

    assert outage.failure is None


@pytest.mark.django_db(transaction=True)
def test_the_follower_begins_and_ends_it(table: Callable[[], Table], monkeypatch: pytest.MonkeyPatch) -> None:
    table()
    with monkeypatch.context() as broken:
        broken.setattr(live_table, "refresh", gone)
        live_table.refresh_or_keep()
        assert (outage.failure, live_table.database) == (Failure.GONE, "unreachable")

    live_table.refresh_or_keep()
    assert (outage.failure, live_table.database) == (None, "ok")


def test_a_program_without_a_token_is_told_as_well(client: Client) -> None:
    outage.begin(Failure.GONE)

    assert ApiClient().get("whoami").status_code == 503

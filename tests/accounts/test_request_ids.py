"""Every call carries an id, by whichever door it came: in the answer, in errors, in the history and in the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.test import Client

from routing.core.table.routing_table import Table
from routing.models import Mapping, Tenant
from routing.request_id import current_request_id, is_request_id
from routing.services.mappings.mappings import add_mapping
from tests.admin.conftest import AdminClient
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _has_a_table(db: None, table: Callable[[], Table]) -> None:
    table()


def ask(path: str = "/abuse", given: str | None = None, peer: str = PROXY, **more: Any) -> Any:
    headers = {"host": "localhost"} | ({} if given is None else {"x-request-id": given})
    return Client(headers=headers, **more).get(path, REMOTE_ADDR=peer)


@pytest.fixture
def trusted(settings: Any) -> None:
    settings.FACADE_TRUSTED_PROXIES = [PROXY]


@pytest.mark.parametrize("path", ["/abuse", "/livez", "/nothing/here", "/api/v1/mappings", "/admin/", "/api/nothing"])
def test_each_answer_of_a_control_host_names_its_request(path: str) -> None:
    first, second = ask(path), ask(path)

    assert is_request_id(first.headers["X-Request-ID"])
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert current_request_id() == ""


def test_one_that_is_too_long_too() -> None:
    answer = Client(headers={"host": "localhost"}).post(
        "/abuse", b"", content_type="text/plain", CONTENT_LENGTH=str(10**9)
    )

    assert answer.status_code == 413
    assert is_request_id(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "given", ["abc-123", "550e8400-e29b-41d4-a716-446655440000", "Root=1-67891233-abcdef", "x" * 128]
)
def test_a_trusted_proxys_id_is_taken(trusted: None, given: str) -> None:
    assert ask(given=given).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'quo"ted', "ünicode", "a\tb", "<b>", "a,b"])
def test_what_is_no_id_is_not(trusted: None, given: str) -> None:
    made = ask(given=given).headers["X-Request-ID"]

    assert made != given
    assert is_request_id(made)


def test_nobody_elses_is_taken() -> None:
    assert ask(given="abc-123", peer="10.9.9.9").headers["X-Request-ID"] != "abc-123"


def test_a_registry_clients_answer_has_none(owner: Person, trusted: None) -> None:
    answer = Client(headers={"host": owner.hostname.name, "x-request-id": "abc-123"}).get("/v2/", REMOTE_ADDR=PROXY)

    assert "X-Request-ID" not in answer.headers


def test_an_error_of_the_api_names_it(owner: Person) -> None:
    answer = api_client_for(owner).get("mappings/4711")

    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_an_error_of_ours_names_it_and_so_does_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with mock.patch("routing.accounts.views.render", side_effect=RuntimeError("broken")):
        answer = ask(raise_request_exception=False)

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.content.decode()
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def test_the_log_of_a_request_names_it() -> None:
    """By the filter of the console's handler, which every record passes."""
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    stream = io.StringIO()
    with mock.patch.object(handler, "stream", stream):
        answer = ask("/nothing/here")

    assert f"request_id={answer.headers['X-Request-ID']}" in stream.getvalue()


def test_a_page_that_is_not_there_names_it() -> None:
    answer = ask("/nothing/here")

    assert answer.headers["X-Request-ID"] in answer.content.decode()


# ---------------------------------------------------------------- in the history


def test_the_api(owner: Person) -> None:
    program: ApiClient = api_client_for(owner)

    answer = program.send("post", "mappings", hostname=owner.hostname.name, prefix="app", target="quay.io/acme")

    assert answer.status_code == 201
    assert Mapping.history.latest().request_id == answer.headers["X-Request-ID"]


def test_the_admin(owner: Person) -> None:
    owner.user.is_superuser = owner.user.is_staff = True
    owner.user.save()

    answer = AdminClient(owner.user).fill("tenant_change", owner.tenant.pk, name="Acme Inc")

    assert Tenant.history.latest().request_id == answer.headers["X-Request-ID"]


def test_several_rows_at_once(owner: Person) -> None:
    pks = [
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix=name, target="quay.io/acme").mapping.pk
        for name in ("one", "two")
    ]

    answer = api_client_for(owner).send("patch", "mappings", ids=pks, enabled=False)

    written = Mapping.history.filter(history_type="~").values_list("id", "request_id")
    assert dict(written) == dict.fromkeys(pks, answer.headers["X-Request-ID"])


def test_a_command() -> None:
    for prefix in ("one", "two"):
        call_command("add_mapping", "docker.acme.com", prefix, "quay.io/acme", stdout=io.StringIO())

    first, second = Mapping.history.order_by("history_id").values_list("request_id", flat=True)
    assert is_request_id(first)
    assert is_request_id(second)
    assert first != second
    # One call, one id: also for the hostname that it made on the way.
    assert Tenant.history.latest().request_id == first


def test_a_call_from_nowhere_has_one_too(owner: Person) -> None:
    add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="quay.io/acme")

    assert is_request_id(Mapping.history.latest().request_id)

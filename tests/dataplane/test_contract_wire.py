"""The contract's rows, sent through the middleware, sync and async: what `decide()` decides is what a client gets."""

from __future__ import annotations

import json
import re

import pytest
from django.test import AsyncClient, Client
from pytest_django import Settings

from routing.core.decide import Request
from routing.core.decisions import PageKind
from routing.core.grammar.hosts import parse_authority
from routing.dataplane.live.live_table import live_table
from tests.core.contract import (
    ALONE,
    DOCKER,
    PODMAN,
    Challenged,
    Django,
    PingOk,
    RedirectsTo,
    Refused,
    Row,
    Shows,
    build_table,
)
from tests.core.contract_rows import ROWS
from tests.dataplane.wire import Wire, send, send_async, send_before_django

SYNC, ASYNC = Client(), AsyncClient()
# The others ask a registry: test_relay.py and test_token.py.
HERE = [row for row in ROWS if isinstance(row.outcome, ALONE)]


@pytest.fixture(autouse=True)
def _any_control_host(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]


def check(row: Row, wire: Wire) -> None:
    """Everything that the page says of an answer's form (R7, R12)."""
    outcome = row.outcome
    if isinstance(outcome, Django):
        assert "docker-distribution-api-version" not in wire.headers
        return
    if isinstance(outcome, Shows):
        check_page(row.request.method, wire, outcome)
        return
    assert wire.headers["docker-distribution-api-version"] == "registry/2.0"
    if isinstance(outcome, RedirectsTo):
        assert (wire.status, wire.body) == (307, b"")
        assert wire.headers["location"] == outcome.location
        assert wire.headers["content-length"] == "0"
        assert wire.headers["cache-control"] == "no-store"
    elif isinstance(outcome, Refused):
        check_error(row.request.method, wire, outcome.status, outcome.code, outcome.says)
        assert wire.headers.get("allow", "") == outcome.allow
    elif isinstance(outcome, Challenged):
        check_error(row.request.method, wire, 401, "UNAUTHORIZED")
        host, port = parse_authority(row.request.host)
        scope = f',scope="{outcome.scope}"' if outcome.scope else ""
        realm = f"http://{host}:{port}/token" if port else f"http://{host}/token"
        assert wire.headers["www-authenticate"] == f'Bearer realm="{realm}",service="{host}"{scope}'
    else:
        assert isinstance(outcome, PingOk)
        assert wire.status == 200
        assert wire.headers["content-type"] == "application/json"
        assert wire.body == (b"" if row.request.method == "HEAD" else b"{}")


def check_page(method: str, wire: Wire, outcome: Shows) -> None:
    assert wire.status == outcome.status
    assert "docker-distribution-api-version" not in wire.headers
    text = wire.body.decode()
    if outcome.kind is PageKind.LEADS_ON:
        assert (wire.headers["location"], text) == (outcome.says, "")
        assert wire.headers["cache-control"] == "no-store"
        return
    assert "location" not in wire.headers
    assert int(wire.headers["content-length"]) > 0
    if method == "HEAD":
        assert text == ""
    elif outcome.kind is PageKind.BADGE:
        # It says what it is of: /-/badges/pulls/acme/app.svg.
        word = re.split("[/.]", outcome.says)[3].removesuffix("-30d")
        assert word in text
    elif outcome.kind not in (PageKind.ICON, PageKind.ROBOTS):
        assert outcome.says in text
        assert (outcome.tenant or outcome.says or "abuse") in text or outcome.kind is PageKind.ABUSE


def check_error(method: str, wire: Wire, status: int, code: str, says: str = "") -> None:
    assert wire.status == status
    assert wire.headers["content-type"] == "application/json"
    assert "location" not in wire.headers
    if method == "HEAD":
        assert wire.body == b""
        assert int(wire.headers["content-length"]) > 0
        return
    assert int(wire.headers["content-length"]) == len(wire.body)
    body = json.loads(wire.body)
    assert body.keys() == {"errors"}
    (error,) = body["errors"]
    assert error.keys() == {"code", "message", "detail"}
    assert error["code"] == code
    assert says in error["message"]
    assert len(error["message"]) > 10


@pytest.mark.parametrize("row", HERE, ids=lambda row: row.title)
def test_under_wsgi_the_answer_is_the_one_that_the_page_says(row: Row) -> None:
    live_table.table = row.table

    check(row, send(SYNC, row.request))


@pytest.mark.parametrize("row", HERE, ids=lambda row: row.title)
async def test_under_asgi_the_answer_is_the_same(row: Row) -> None:
    live_table.table = row.table

    wire = await send_async(ASYNC, row.request)

    check(row, wire)
    if not isinstance(row.outcome, Django):
        assert wire == send(SYNC, row.request)
        assert wire == await send_before_django(row.request)


PULL = Request("GET", "docker.acme.com", "/v2/acme/web/manifests/1.0", "", DOCKER)


def test_a_redirect_may_be_kept_as_long_as_the_operator_says(settings: Settings) -> None:
    settings.FACADE_REDIRECT_MAX_AGE_SECONDS = 60
    live_table.table = build_table()

    kept = send(SYNC, PULL).headers

    assert (kept["cache-control"], kept["vary"]) == ("max-age=60", "User-Agent, Authorization")
    assert send(SYNC, PULL._replace(method="POST")).headers["cache-control"] == "no-store"


def test_a_port_other_than_the_schemes_is_in_the_location() -> None:
    live_table.table = build_table()

    wire = send(SYNC, PULL._replace(path="/v2/plain-basic/web/manifests/1"))

    assert wire.headers["location"] == "https://basic.example:5000/v2/other/name/web/manifests/1"


def test_the_realm_has_the_scheme_that_the_client_used() -> None:
    live_table.table = build_table()

    response = SYNC.get(
        "/v2/acme/web/tags/list", headers={"host": "docker.acme.com", "user-agent": PODMAN}, secure=True
    )

    assert 'realm="https://docker.acme.com/token"' in response["WWW-Authenticate"]


def test_without_the_servers_word_on_the_raw_path_what_was_escaped_is_refused() -> None:
    live_table.table = build_table()

    escaped = SYNC.get("/v2/acme/web%2e%25/tags/list", headers={"host": "docker.acme.com"})
    plain = SYNC.get("/v2/acme/web/tags/list", headers={"host": "docker.acme.com", "user-agent": DOCKER})

    assert escaped.status_code == 400
    assert plain["Location"] == "https://ghcr.io/v2/acme/web/tags/list"


def test_the_absolute_form_of_a_target_is_judged_by_its_path() -> None:
    live_table.table = build_table()
    path = "http://other.example/v2/acme/web/tags/list"

    response = SYNC.request(RAW_URI=path, HTTP_HOST="docker.acme.com", HTTP_USER_AGENT=DOCKER)

    assert response["Location"] == "https://ghcr.io/v2/acme/web/tags/list"

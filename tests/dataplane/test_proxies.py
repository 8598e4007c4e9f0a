"""Whose word on scheme and host counts (R12.2)."""

from __future__ import annotations

import pytest
from django.test import AsyncClient, Client
from pytest_django import Settings

from routing.core.decide import Request
from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.client_request import ClientRequest, from_meta
from routing.dataplane.request.forwarded import is_trusted
from tests.core.contract import PODMAN, build_table
from tests.dataplane.wire import Wire, environ_of, scope_of, wire_of

FORWARDED = {
    "REMOTE_ADDR": "10.0.0.5",
    "HTTP_HOST": "inner:8000",
    "HTTP_X_FORWARDED_HOST": "Docker.Acme.com",
    "HTTP_X_FORWARDED_PROTO": "HTTPS",
}


def came(meta: dict[str, str]) -> ClientRequest:
    return from_meta("GET", "/v2/", meta, meta.get("wsgi.url_scheme", "http"), "1.1")


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        ([], "127.0.0.1", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["10.0.0.0/8"], "10.200.0.1", True),
        (["10.0.0.1/8"], "10.200.0.1", True),
        ([" 10.0.0.0/8 ", "fd00::/8"], "fd00::7", True),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", True),
        (["0.0.0.0/0"], "::1", False),
        (["0.0.0.0/0"], "", False),
        (["0.0.0.0/0"], "unix:", False),
        (["0.0.0.0/0"], "10.0.0.1, 10.0.0.2", False),
    ],
)
def test_proxies_are_trusted_by_address(settings: Settings, networks: list[str], address: str, expected: bool) -> None:
    settings.FACADE_TRUSTED_PROXIES = networks

    assert is_trusted(address) == expected


def test_a_trusted_proxy_says_how_the_client_came(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.0/8"]

    assert came(FORWARDED).public_origin == ("https", "docker.acme.com")
    assert came(FORWARDED).for_decision().host == "Docker.Acme.com"


def test_nobody_else_does(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["192.168.0.0/16"]

    assert came(FORWARDED).public_origin == ("http", "inner:8000")
    assert came(FORWARDED).for_decision().host == "inner:8000"


def test_without_proxies_the_connection_counts(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = []

    assert came({"wsgi.url_scheme": "https", "HTTP_HOST": "A.example.:8443"}).public_origin == (
        "https",
        "a.example:8443",
    )
    assert came({"HTTP_HOST": "[::1]:8000"}).public_origin == ("http", "[::1]:8000")


@pytest.mark.parametrize("proto", ["", "ftp", ", https", "ftp, https", "https://evil.example", "https\r\n"])
def test_a_scheme_that_is_none_is_not_believed(settings: Settings, proto: str) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.5"]

    scheme, _ = came({**FORWARDED, "HTTP_X_FORWARDED_PROTO": proto, "wsgi.url_scheme": "http"}).public_origin

    assert scheme == ("https" if proto.strip() == "https" else "http")


@pytest.mark.parametrize(
    ("proto", "scheme"), [("https, http", "https"), ("https,https", "https"), ("http , https", "http")]
)
def test_of_proxies_in_a_row_the_outermost_says_the_scheme(settings: Settings, proto: str, scheme: str) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.5"]

    assert came({**FORWARDED, "HTTP_X_FORWARDED_PROTO": proto}).public_origin[0] == scheme


@pytest.mark.parametrize("host", ['evil"example', "a.example, b.example", "a b", "\r\n", "user@a.example"])
def test_a_host_that_is_none_names_no_realm(settings: Settings, host: str) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.5"]

    _, authority = came({**FORWARDED, "HTTP_X_FORWARDED_HOST": host}).public_origin

    assert authority in ("", "inner:8000")


INNER = Request("GET", "inner", "/v2/acme/web/tags/list", user_agent=PODMAN)
REALM = 'Bearer realm="https://docker.acme.com/token",service="docker.acme.com"'


async def both_ways(request: Request, scheme: str = "http", **forwarded: str) -> list[Wire]:
    """The answers to a request over a connection from 127.0.0.1, under WSGI and under ASGI."""
    environ = {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in forwarded.items()}
    scope = scope_of(request)
    scope["headers"] += [(f"x-forwarded-{name}".encode(), value.encode()) for name, value in forwarded.items()]
    return [
        wire_of(Client().request(**environ_of(request), **environ, **{"wsgi.url_scheme": scheme})),
        wire_of(await AsyncClient().request(**scope, scheme=scheme)),
    ]


async def test_a_request_through_a_trusted_proxy_is_for_the_host_that_the_client_named(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["127.0.0.1"]
    live_table.table = build_table()

    for answer in await both_ways(INNER, host="docker.acme.com", proto="https"):
        assert answer.headers["www-authenticate"].startswith(REALM)


async def test_and_through_any_other_it_is_not(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.1"]
    live_table.table = build_table()

    for answer in await both_ways(INNER, host="docker.acme.com", proto="https"):
        assert answer.status == 404
    for answer in await both_ways(INNER._replace(host="docker.acme.com"), host="evil.example", proto="https"):
        assert answer.headers["www-authenticate"].startswith('Bearer realm="http://docker.acme.com/token"')


async def test_a_server_that_speaks_tls_itself_is_named_so() -> None:
    live_table.table = build_table()

    for answer in await both_ways(INNER._replace(host="docker.acme.com"), scheme="https"):
        assert answer.headers["www-authenticate"].startswith(REALM)

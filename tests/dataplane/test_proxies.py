"""Whose word on scheme and host counts (R12.2)."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from django.test import AsyncClient, Client
from pytest_django import Settings

from routing.core.decide import Request
from routing.dataplane.live.live_table import live_table
from routing.dataplane.request import forwarded
from routing.dataplane.request.client_request import ClientRequest, from_meta
from routing.dataplane.request.forwarded import is_trusted
from routing.dataplane.request.gateways import default_gateways
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


# As Linux 6 wrote them in a container on a bridge, and on a machine with IPv6.
IPV4_ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t{gateway}\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
IPV6_ROUTES = f"""\
fd000000000000000000000000000000 40 {"0" * 32} 00 {"0" * 32} 00000100 00000001 00000000 00000001 eth0
{"0" * 32} 00 {"0" * 32} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
{"0" * 32} 00 {"0" * 32} 00 {"0" * 32} ffffffff 00000001 00000000 00200200       lo
"""


def routes(proc: Path, ipv4: str, ipv6: str) -> Path:
    (proc / "net").mkdir()
    (proc / "net/route").write_text(ipv4.format(gateway=f"{int.from_bytes(bytes([172, 18, 0, 1]), sys.byteorder):08X}"))
    (proc / "net/ipv6_route").write_text(ipv6)
    return proc


def test_a_container_finds_its_host(tmp_path: Path) -> None:
    proc = routes(tmp_path, IPV4_ROUTES, IPV6_ROUTES)

    assert [str(address) for address in default_gateways(proc)] == ["172.18.0.1", "fd00::1"]


def test_a_machine_without_a_way_out_has_none(tmp_path: Path) -> None:
    assert default_gateways(tmp_path) == []
    assert default_gateways(routes(tmp_path, IPV4_ROUTES.splitlines()[0], "")) == []


def test_the_gateway_is_trusted_where_it_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarded, "default_gateways", lambda: [ip_address("172.18.0.1")])
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.1", "gateway"]

    assert [is_trusted(address) for address in ("172.18.0.1", "10.0.0.1", "172.18.0.2")] == [True, True, False]


def test_a_gateway_that_there_is_not_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(forwarded, "default_gateways", list)
    settings.FACADE_TRUSTED_PROXIES = ["gateway"]

    assert not is_trusted("172.18.0.1")
    assert "no default gateway" in caplog.text


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

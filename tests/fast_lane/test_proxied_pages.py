"""Pages for clients behind a proxy that sends PROXY headers: a control worker knows who they are, as the worker did."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import wait_until
from tests.fast_lane.test_handover import LOCATION, REDIRECT, Wire, mapped, page
from tests.fast_lane.test_proxy_header import LOCAL, version_1, version_2

pytestmark = pytest.mark.e2e

CLIENT = "192.0.2.60"


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with mapped(FACADE_ACCESS_LOG="true", FACADE_LOG_FORMAT="json", FACADE_TRUSTED_PROXIES=ADDRESS) as started:
        yield started


@pytest.fixture
def wire(facade: Facade) -> Iterator[Wire]:
    with closing(Wire(facade)) as connection:
        yield connection


def clients_of(facade: Facade, target: str) -> list[str]:
    """Whom the log names for a target, once it does."""

    def lines() -> list[str]:
        told = [json.loads(line) for line in facade.log().splitlines() if line.startswith("{")]
        return [line["client"] for line in told if line.get("target") == target]

    wait_until(lambda: bool(lines()), f"the log has {target}")
    return lines()


@pytest.mark.parametrize(
    "header", [version_1(CLIENT), version_2(CLIENT), version_2("2001:db8::7")], ids=["1", "2", "2-6"]
)
def test_a_page_is_the_clients_and_its_connection_goes_on(facade: Facade, wire: Wire, header: bytes) -> None:
    target = f"/livez?{header.hex()[-24:]}"
    wire.send(header + page(target))
    status, fields, _ = wire.read()

    assert status == 200
    # It is one client's connection, not the proxy's for everybody.
    assert fields.get("connection") != "close"
    wire.send(REDIRECT)
    assert wire.read()[1]["location"] == LOCATION
    wire.send(page(target))
    assert wire.read()[0] == 200
    assert set(clients_of(facade, target)) == {"2001:db8::7" if header == version_2("2001:db8::7") else CLIENT}


@pytest.mark.parametrize("size", [1, 7, 40])
def test_header_and_request_in_pieces(facade: Facade, wire: Wire, size: int) -> None:
    target = f"/livez?pieces={size}"
    data = version_2(CLIENT) + page(target)
    wire.send(*(data[start : start + size] for start in range(0, len(data), size)), pause=0.002)

    assert wire.read()[0] == 200
    assert clients_of(facade, target) == [CLIENT]


def test_a_page_by_tls_is_one_by_https(wire: Wire) -> None:
    """Its cookies are for https alone."""
    wire.send(version_1(CLIENT, port=443) + page("/accounts/login/"))
    status, fields, _ = wire.read()

    assert status == 200
    assert "__Host-" in fields["set-cookie"]
    assert "Secure" in fields["set-cookie"]


def test_what_the_client_says_of_itself_is_not_believed(facade: Facade, wire: Wire) -> None:
    target = "/livez?lies"
    wire.send(version_1(CLIENT) + page(target, "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"))

    assert wire.read()[0] == 200
    assert clients_of(facade, target) == [CLIENT]


def test_a_proxys_own_check_is_the_proxys(facade: Facade, wire: Wire) -> None:
    wire.send(LOCAL + b"GET /livez?local HTTP/1.0\r\n\r\n")

    assert wire.read()[0] == 200
    assert clients_of(facade, "/livez?local") == [ADDRESS]


def test_a_proxy_that_sends_none_has_its_connection_closed_after_a_page(facade: Facade, wire: Wire) -> None:
    """Everybody's requests come on it."""
    wire.send(page("/livez?none"))
    status, fields, _ = wire.read()

    assert (status, fields.get("connection")) == (200, "close")


def test_a_malformed_one_is_closed_without_a_word(wire: Wire) -> None:
    wire.send(b"PROXY TCP4 nonsense\r\n" + REDIRECT)

    with contextlib.suppress(ConnectionResetError):
        assert wire.ended()

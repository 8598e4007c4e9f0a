"""A share of a worker's connections for each address, and all of them for a proxy that is trusted."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.forwarded import share_of
from routing.dataplane.serving import connection_limits, peers
from routing.dataplane.serving.peers import Peers
from routing.dataplane.telemetry.counters import CONNECTIONS_OVER_ALL, CONNECTIONS_OVER_SHARE, counters
from tests.fast_lane.lanes import facade, table
from tests.fast_lane.requests import PLAIN
from tests.fast_lane.test_bounds import LONG_SECONDS, Running
from tests.waiting import until


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(live_table, "table", table())
    monkeypatch.setattr(peers, "peers", Peers())
    monkeypatch.setattr(connection_limits, "peers", peers.peers)
    with Running(LONG_SECONDS, facade()) as running:
        yield running


def connect(server: Running, address: str) -> socket.socket:
    """A connection from an address of the loopback network."""
    caller = socket.create_connection(("127.0.0.1", server.port), timeout=60, source_address=(address, 0))
    with contextlib.suppress(ConnectionError):
        caller.sendall(PLAIN)
    return caller


def is_answered(caller: socket.socket) -> bool:
    try:
        return caller.recv(12) == b"HTTP/1.1 307"
    except ConnectionError:
        return False


def test_one_address_does_not_lock_the_others_out(
    server: Running, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FACADE_MAX_CONNECTIONS_PER_ADDRESS = 5
    before = counters.totals[CONNECTIONS_OVER_SHARE]

    callers = [connect(server, "127.0.0.2") for _ in range(8)]

    assert [is_answered(caller) for caller in callers] == [True] * 5 + [False] * 3
    other = connect(server, "127.0.0.3")
    assert is_answered(other)
    assert counters.totals[CONNECTIONS_OVER_SHARE] == before + 3
    (told,) = [record.getMessage() for record in caplog.records if "one address may have" in record.getMessage()]
    assert told.startswith("127.0.0.2 has 5 connections")
    assert "FACADE_TRUSTED_PROXIES" in told

    callers[0].close()
    until(lambda: len(server.server_state.connections) == 5, "one has left")
    again = connect(server, "127.0.0.2")
    assert is_answered(again)


def test_a_trusted_proxy_has_all(server: Running, settings: Settings) -> None:
    settings.FACADE_MAX_CONNECTIONS_PER_ADDRESS = 2
    settings.FACADE_TRUSTED_PROXIES = ["127.0.0.2"]

    callers = [connect(server, "127.0.0.2") for _ in range(8)]
    assert all(is_answered(caller) for caller in callers)


def test_where_few_files_may_be_open_the_share_is_smaller(
    server: Running, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "max_connections", lambda: 6)
    before = counters.totals[CONNECTIONS_OVER_ALL]

    callers = [connect(server, f"127.0.0.{each}") for each in (2, 2, 2, 2, 3, 3, 3, 4)]

    assert [is_answered(caller) for caller in callers] == [True, True, True, False, True, True, True, False]
    assert counters.totals[CONNECTIONS_OVER_ALL] == before + 1


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_whose_share_it_is(address: str, share: str) -> None:
    assert share_of(address) == share


def test_nothing_is_left_of_those_who_left(settings: Settings) -> None:
    counted = Peers()
    for each in range(1000):
        counted.connect(f"192.0.2.{each % 250}", 4096)
    for each in range(1000):
        counted.disconnect(f"192.0.2.{each % 250}")

    assert not counted._connections

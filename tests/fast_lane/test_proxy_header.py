"""PROXY headers before a connection's first request: whose are read, however they arrive, and what they change.

A connection that begins with one is answered, byte for byte, as one that the client itself has made.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving import connection_limits, peers, proxy_header
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.serving.peers import Peers
from routing.dataplane.serving.proxy_header import HEADER_SECONDS
from routing.dataplane.telemetry.counters import (
    CONNECTIONS_OVER_SHARE,
    PROXY_HEADERS_LATE,
    PROXY_HEADERS_MALFORMED,
    counters,
)
from tests.examples import examples
from tests.fast_lane import requests
from tests.fast_lane.lanes import Lanes, Outcome, SteppedLoop, Wire, table
from tests.fast_lane.requests import PLAIN

PROXY, CLIENT, THERE = "198.51.100.7", "192.0.2.60", "203.0.113.1"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ASKED = b"GET /v2/split/app/manifests/1 HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: skopeo/1\r\n\r\n"


def version_1(source: str = CLIENT, port: int = 8000) -> bytes:
    family = "TCP6" if ":" in source else "TCP4"
    there = "2001:db8::1" if ":" in source else THERE
    return f"PROXY {family} {source} {there} 40000 {port}\r\n".encode()


def version_2(source: str = CLIENT, port: int = 8000, extensions: bytes = b"") -> bytes:
    packed = [ipaddress.ip_address(each).packed for each in (source, "2001:db8::1" if ":" in source else THERE)]
    body = b"".join(packed) + struct.pack("!HH", 40000, port) + extensions
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x21 if ":" in source else 0x11, len(body)) + body


LOCAL = SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)
TLS = struct.pack("!BHBI", 0x20, 5, 1, 0)
HEADERS = {"1": version_1(), "1-ipv6": version_1("2001:db8::7"), "2": version_2(), "2-ipv6": version_2("2001:db8::7")}


@pytest.fixture
def lanes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lanes]:
    settings.FACADE_TRUSTED_PROXIES = [PROXY]
    live_table.table = table()
    monkeypatch.setattr(peers, "peers", Peers())
    monkeypatch.setattr(connection_limits, "peers", peers.peers)
    monkeypatch.setattr(proxy_header, "_told", set())
    both = Lanes()
    yield both
    both.close()


def answered(lanes: Lanes, *reads: bytes, peer: str = PROXY) -> Outcome:
    """What the fast lane says to what it reads, piece by piece."""
    said: list[Outcome] = []

    async def ask() -> None:
        said.append(await lanes.fast.answer([read for read in reads if read], peer))

    lanes.run(ask())
    return said[0]


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize(
    "request_", [PLAIN, ASKED, b"GET / HTTP/1.0\r\n\r\n"], ids=["redirect", "challenge", "refusal"]
)
def test_wherever_its_bytes_are_split(lanes: Lanes, header: bytes, request_: bytes) -> None:
    expected = lanes.compare([request_])
    data = header + request_

    for at in range(len(data) + 1):
        assert answered(lanes, data[:at], data[at:]) == expected, at


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_byte_by_byte(lanes: Lanes, header: bytes) -> None:
    assert answered(lanes, *(bytes([byte]) for byte in header), PLAIN) == lanes.compare([PLAIN])


@given(header=st.sampled_from(sorted(HEADERS.values())), pieces=requests.reads())
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(150),
)
def test_whatever_is_sent_behind_one(lanes: Lanes, header: bytes, pieces: list[bytes]) -> None:
    pieces = [piece for piece in pieces if piece]

    assert answered(lanes, header, *pieces) == answered(lanes, *pieces, peer=CLIENT)


@pytest.mark.parametrize("header", [version_1(), version_2(), LOCAL], ids=["1", "2", "local"])
def test_a_strangers_is_a_bad_request_as_ever(lanes: Lanes, header: bytes) -> None:
    outcome = lanes.compare([header + PLAIN], CLIENT)

    assert outcome.sent.startswith(b"HTTP/1.1 400 ")
    assert outcome.closed


@pytest.mark.parametrize(
    "first", [PLAIN, b"\r\n" + PLAIN, b"\r\n\r\n" + PLAIN, b"PUT /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_a_proxy_that_sends_none_is_read_as_ever(lanes: Lanes, first: bytes) -> None:
    expected = lanes.compare([first], PROXY)

    for at in range(len(first)):
        assert answered(lanes, first[:at], first[at:]) == expected, at


def scheme(outcome: Outcome) -> bytes:
    """That of the realm to which a client is sent."""
    return outcome.sent.partition(b'realm="')[2].partition(b"://")[0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (version_1(), b"http"),
        (version_1(port=443), b"https"),
        (version_2(port=443), b"https"),
        (version_2(extensions=TLS), b"https"),
        (version_2(port=443, extensions=struct.pack("!BHBI", 0x20, 5, 0, 0)), b"http"),
        (LOCAL, b"http"),
    ],
)
def test_whether_the_client_came_by_tls(lanes: Lanes, header: bytes, expected: bytes) -> None:
    assert scheme(answered(lanes, header, ASKED)) == expected


def test_the_port_at_which_tls_ends_is_the_operators_to_say(lanes: Lanes, settings: Settings) -> None:
    settings.FACADE_PUBLIC_PORT = 8443

    assert scheme(answered(lanes, version_1(port=8443), ASKED)) == b"https"
    assert scheme(answered(lanes, version_1(port=443), ASKED)) == b"http"


def forwarded(*lines: str) -> bytes:
    return ASKED.replace(b"\r\n\r\n", "".join(f"\r\n{line}" for line in lines).encode() + b"\r\n\r\n")


LIES = ("X-Forwarded-Proto: https", "Forwarded: for=203.0.113.9;proto=https")


@pytest.mark.parametrize("lie", LIES)
def test_what_the_client_says_of_itself_counts_for_nothing(lanes: Lanes, lie: str) -> None:
    """The bytes come from a trusted proxy, but they are the client's."""
    assert scheme(answered(lanes, version_1(), forwarded(lie))) == b"http"
    assert scheme(answered(lanes, LOCAL, forwarded(lie))) == b"https"
    assert scheme(answered(lanes, forwarded(lie))) == b"https"


@pytest.mark.parametrize("lie", LIES)
def test_a_client_that_is_a_trusted_proxy_itself_is_believed(lanes: Lanes, settings: Settings, lie: str) -> None:
    settings.FACADE_TRUSTED_PROXIES = [PROXY, CLIENT]

    assert scheme(answered(lanes, version_1(), forwarded(lie))) == b"https"


def test_a_host_that_the_client_says_leads_nowhere(lanes: Lanes) -> None:
    lie = PLAIN.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Host: nobody.example\r\n\r\n")

    assert answered(lanes, version_2(), lie).sent.startswith(b"HTTP/1.1 307")
    assert answered(lanes, lie).sent.startswith(b"HTTP/1.1 404")
    served = lie.replace(b"nobody.example", b"whole.acme.com")
    assert b"location: https://registry-1.docker.io/" in answered(lanes, served).sent
    assert b"location: https://ghcr.io/" in answered(lanes, version_2(), served).sent
    # What is remembered of the one is nothing to the other.
    assert answered(lanes, version_2(), lie).sent.startswith(b"HTTP/1.1 307")


MALFORMED = [
    b"PROXY TCP4 192.0.2.60 203.0.113.1 40000\r\n",
    b"PROXY TCP4 a b 1 2\r\n",
    b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x31\x11\x00\x00",
    SIGNATURE + b"\x21\x11\xff\xff",
    SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
]


@pytest.mark.parametrize("header", MALFORMED, ids=repr)
def test_a_malformed_one_closes_the_connection_and_is_counted(
    lanes: Lanes, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    before = counters.totals[PROXY_HEADERS_MALFORMED]

    for _ in range(2):
        assert answered(lanes, header + PLAIN) == Outcome(b"", True)

    assert counters.totals[PROXY_HEADERS_MALFORMED] == before + 2
    (told,) = [record.getMessage() for record in caplog.records if "PROXY header" in record.getMessage()]
    assert PROXY in told


def stepped(lanes: Lanes, test: Callable[[FastLaneProtocol, Wire, SteppedLoop], None]) -> None:
    async def steps() -> None:
        connection, wire = lanes.fast.connect(PROXY)
        loop = asyncio.get_running_loop()
        assert isinstance(connection, FastLaneProtocol)
        assert isinstance(loop, SteppedLoop)
        test(connection, wire, loop)
        loop.skip(HEADER_SECONDS + 0.1)
        await lanes.fast.rest(connection, wire)

    lanes.run(steps())


@pytest.mark.parametrize("part", [version_1()[:-1], version_1()[:6], version_2()[:-1], version_2()[:12]])
def test_one_that_does_not_come_whole_is_waited_for_for_so_long(lanes: Lanes, part: bytes) -> None:
    before = counters.totals[PROXY_HEADERS_LATE]
    wires: list[Wire] = []

    def send(_: FastLaneProtocol, wire: Wire, __: SteppedLoop) -> None:
        wire.get_protocol().data_received(part)
        wires.append(wire)

    stepped(lanes, send)

    assert wires[0].closed
    assert counters.totals[PROXY_HEADERS_LATE] == before + 1


@pytest.mark.parametrize("part", [b"P", b"PRO", b"\r\n\r\n"])
def test_what_may_be_a_request_is_one_after_that_time(lanes: Lanes, part: bytes) -> None:
    before = dict(counters.totals)
    wires: list[Wire] = []

    def send(_: FastLaneProtocol, wire: Wire, __: SteppedLoop) -> None:
        wire.get_protocol().data_received(part)
        wires.append(wire)

    stepped(lanes, send)

    assert not wires[0].closed
    assert isinstance(wires[0].get_protocol(), FastLaneProtocol)
    assert counters.totals[PROXY_HEADERS_LATE] == before.get(PROXY_HEADERS_LATE, 0)


def test_a_connection_that_ends_within_its_header_is_forgotten(lanes: Lanes) -> None:
    def send(_: FastLaneProtocol, wire: Wire, __: SteppedLoop) -> None:
        wire.get_protocol().data_received(version_1()[:20])
        wire.get_protocol().connection_lost(None)

    before = counters.totals[PROXY_HEADERS_LATE]
    stepped(lanes, send)

    assert counters.totals[PROXY_HEADERS_LATE] == before
    assert not peers.peers._connections


def test_connections_count_as_their_clients(lanes: Lanes, settings: Settings) -> None:
    settings.FACADE_MAX_CONNECTIONS_PER_ADDRESS = 2
    before = counters.totals[CONNECTIONS_OVER_SHARE]

    async def steps() -> None:
        opened = [lanes.fast.connect(PROXY) for _ in range(5)]
        sources = [CLIENT, CLIENT, "192.0.2.61", CLIENT, "192.0.2.61"]
        for (_, wire), source in zip(opened, sources, strict=True):
            wire.get_protocol().data_received(version_2(source))
        assert [wire.closed for _, wire in opened] == [False, False, False, True, False]
        for _, wire in opened:
            wire.get_protocol().connection_lost(None)

    lanes.run(steps())

    assert counters.totals[CONNECTIONS_OVER_SHARE] == before + 1
    assert not peers.peers._connections

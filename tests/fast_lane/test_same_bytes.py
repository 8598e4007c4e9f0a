"""The fast lane says, byte for byte, what uvicorn and Django say, and leaves the connection in the same state.

Here both run in this process, where a test decides where each read ends; over real sockets: test_over_sockets.py.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from pytest_django import Settings

from facade_site.log_formats import facts_of
from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving import access_log
from routing.dataplane.serving.access_log import AccessLog
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.telemetry.counters import REDIRECTS, counters
from tests.examples import examples
from tests.fast_lane import requests
from tests.fast_lane.lanes import Lane, Lanes, SteppedLoop, facade, table
from tests.fast_lane.requests import PLAIN

PROXY = "198.51.100.7"
lenient = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(400),
)


@pytest.fixture
def lanes(settings: Settings) -> Iterator[Lanes]:
    """Both lanes before one table, behind one trusted proxy."""
    settings.FACADE_TRUSTED_PROXIES = [PROXY]
    live_table.table = table()
    both = Lanes()
    yield both
    both.close()


@given(pieces=requests.reads())
@lenient
def test_whatever_is_sent(lanes: Lanes, pieces: list[bytes]) -> None:
    lanes.compare(pieces)


@given(pieces=requests.reads())
@settings(lenient, max_examples=examples(150))
def test_whatever_a_trusted_proxy_sends(lanes: Lanes, pieces: list[bytes]) -> None:
    lanes.compare(pieces, PROXY)


@given(raw=requests.near_plain())
@lenient
def test_a_plain_request_with_one_thing_changed(lanes: Lanes, raw: bytes) -> None:
    lanes.compare([raw])
    lanes.compare([raw, PLAIN], PROXY)


@pytest.mark.parametrize("at", range(1, len(PLAIN)))
def test_cut_at_every_byte(lanes: Lanes, at: int) -> None:
    stream = PLAIN + PLAIN
    assert lanes.compare([stream[:at], stream[at:]]).sent.count(b"HTTP/1.1 307") == 2
    assert lanes.compare([PLAIN, stream[:at], stream[at:]]).sent.count(b"HTTP/1.1 307") == 3


@pytest.mark.parametrize("framing", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_a_request_whose_body_does_not_come_is_answered_at_once_or_waited_for(lanes: Lanes, framing: bytes) -> None:
    lanes.compare([b"GET / HTTP/1.1\r\n" + framing + b"\r\n\r\n"], PROXY)


def test_byte_by_byte(lanes: Lanes) -> None:
    stream = PLAIN + b"HEAD" + PLAIN[3:] + PLAIN
    assert lanes.compare([stream[at : at + 1] for at in range(len(stream))]).sent.count(b"HTTP/1.1 307") == 3


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize(
    "changed",
    [
        PLAIN,
        PLAIN.replace(b"Host", b"host"),
        PLAIN.replace(b"docker.acme.com", b"DOCKER.acme.com.:8000"),
        PLAIN.replace(b"Host: docker.acme.com\r\n", b"").replace(b"*/*\r\n", b"*/*\r\nHost: docker.acme.com\r\n"),
        PLAIN.replace(b"Host:", b"X-Forwarded-For: 192.0.2.7\r\nhost:"),
        PLAIN.replace(b"docker.acme.com", b"a.pull.acme.com"),
        PLAIN.replace(b"/acme/", b"/renamed/"),
        PLAIN.replace(b"/acme/", b"/open/"),
        PLAIN.replace(b"/acme/", b"/split/"),
        PLAIN.replace(b"1.0 HTTP", b"1.0?ns=docker.acme.com&x=%20 HTTP"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"Accept: */*", b"Connection: close"),
        PLAIN.replace(b"Accept: */*", b"Connection: keep-alive\r\nTE: trailers\r\nCookie: a=b\r\nTraceparent: 00"),
        PLAIN.replace(b"Accept: */*", b"Authorization: Basic YTpi"),
        PLAIN.replace(b"User-Agent: containerd/2.1.3\r\n", b""),
        PLAIN.replace(b"Accept: */*", b"X-Forwarded-Host: nobody.example"),
        b"GET /v2/ HTTP/1.1\r\nHost: *.pull.acme.com\r\n\r\n".replace(b"*", b"a"),
    ],
)
def test_plain_redirects_never_reach_django(lanes: Lanes, method: bytes, changed: bytes) -> None:
    outcome = lanes.compare([method + changed[3:]])
    assert outcome.sent.startswith(b"HTTP/1.1 307 ")
    assert lanes.fast.application.requests == 0
    assert lanes.slow.application.requests == 1


@pytest.mark.parametrize(
    "changed",
    [
        PLAIN + PLAIN,
        PLAIN[:-1],
        PLAIN.replace(b"GET", b"POST"),
        PLAIN.replace(b"Accept: */*", b"Content-Length: 0"),
        PLAIN.replace(b"Accept: */*", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        PLAIN.replace(b"Accept: */*", b"Expect: 100-continue"),
        PLAIN.replace(b"Accept: */*", b"Host: docker.acme.com"),
        PLAIN.replace(b"Host:", b"X: a\nHost:"),
        PLAIN.replace(b"1.1\r\nHost:", b"1.1\nHost:"),
        PLAIN.replace(b".com\r\n", b".comX\n"),
        PLAIN.replace(b"Host:", b"X: a\r\n\r\nHost:"),
        PLAIN.replace(b"Accept: */*", b"X: a\r\n b"),
        PLAIN.replace(b"/v2/", b"http://docker.acme.com/v2/"),
        PLAIN.replace(b"/acme/", b"/split/").replace(b"containerd", b"crane"),
        PLAIN.replace(b"docker.acme.com", b"nobody.example"),
    ],
)
def test_everything_else_does(lanes: Lanes, changed: bytes) -> None:
    lanes.compare([changed, PLAIN[-1:]])
    assert lanes.fast.application.requests >= 2 or b"307" not in lanes.compare([changed]).sent


def test_the_host_that_a_trusted_proxy_names(lanes: Lanes) -> None:
    forwarded = PLAIN.replace(b"docker.acme.com", b"inside:8000").replace(
        b"Accept: */*", b"X-Forwarded-Host: docker.acme.com"
    )
    assert lanes.compare([forwarded], PROXY).sent.startswith(b"HTTP/1.1 307 ")
    assert lanes.fast.application.requests == 0
    assert lanes.compare([forwarded]).sent.startswith(b"HTTP/1.1 404 ")
    assert lanes.compare([forwarded], PROXY).sent.startswith(b"HTTP/1.1 307 ")
    assert (
        lanes.compare([PLAIN.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Host: a, b\r\n\r\n")], PROXY).sent[9:12] == b"400"
    )


def test_what_is_remembered_of_one_is_not_told_another(lanes: Lanes) -> None:
    """The same request line and Host, with other fields that make a difference, before and after it is known."""
    split = PLAIN.replace(b"/acme/", b"/split/")
    others = {
        split: (b"307", "192.0.2.1"),
        split.replace(b"containerd", b"crane"): (b"401", "192.0.2.1"),
        split.replace(b"Accept: */*", b"Authorization: Bearer x"): (b"502", "192.0.2.1"),
        split.replace(b"Accept: */*", b"X-Forwarded-Host: whole.acme.com"): (b"307", "192.0.2.1"),
        split.replace(b"Accept: */*", b"X-Forwarded-Host: nobody.acme.com"): (b"404", PROXY),
        split.replace(b"Accept: */*", b"X-Forwarded-Host: whole.acme.com "): (b"307", PROXY),
        split.replace(b"Accept: */*", b"X-Forwarded-Host: localhost"): (b"404", PROXY),
    }
    for _ in range(2):
        for raw, (status, peer) in others.items():
            assert lanes.compare([raw], peer).sent[9:12] == status, raw


def test_a_repoint_is_seen_by_the_very_next_request(lanes: Lanes) -> None:
    assert b"location: https://ghcr.io/v2/acme" in lanes.compare([PLAIN]).sent
    live_table.table = table("https://quay.io", generation=2)
    assert b"location: https://quay.io/v2/acme" in lanes.compare([PLAIN]).sent
    live_table.table = table("https://ghcr.io", generation=1)
    assert b"location: https://ghcr.io/v2/acme" in lanes.compare([PLAIN]).sent


def test_without_a_table(lanes: Lanes) -> None:
    lanes.compare([PLAIN])
    live_table.table = None
    assert lanes.compare([PLAIN]).sent.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("limit", [0, 700])
def test_with_little_or_no_memory_for_answers(lanes: Lanes, settings: Settings, limit: int) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = limit
    for number in range(20):
        assert lanes.compare([PLAIN.replace(b"1.0", b"%d" % number)]).sent.startswith(b"HTTP/1.1 307 ")


def test_redirects_that_may_be_kept(lanes: Lanes, settings: Settings) -> None:
    settings.FACADE_REDIRECT_MAX_AGE_SECONDS = 60
    assert b"cache-control: max-age=60\r\n" in lanes.compare([PLAIN]).sent


@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_a_client_that_does_not_read_gets_its_answers_later_and_in_order(lanes: Lanes, kind: str) -> None:
    lane: Lane = getattr(lanes, kind)

    async def steps() -> None:
        connection, wire = lane.connect()
        connection.data_received(PLAIN)
        await lane.rest(connection, wire)
        connection.pause_writing()
        connection.data_received(PLAIN.replace(b"1.0", b"2.0"))
        await lane.rest(connection, wire)
        assert wire.sent.count(b"HTTP/1.1 307") == 1
        connection.data_received(PLAIN.replace(b"1.0", b"3.0"))
        await lane.rest(connection, wire)
        connection.resume_writing()
        await lane.rest(connection, wire)
        connection.data_received(PLAIN.replace(b"1.0", b"4.0"))
        await lane.rest(connection, wire)
        assert re.findall(rb"manifests/(.)\.0", wire.sent) == [b"1", b"2", b"3", b"4"]

    lanes.run(steps())


@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_an_answer_waits_for_the_one_before_it(lanes: Lanes, kind: str) -> None:
    lane: Lane = getattr(lanes, kind)

    async def steps() -> None:
        connection, wire = lane.connect()
        # Django asks for the whole body of a request that is no registry client's.
        upload = b"POST /livez HTTP/1.1\r\nHost: control.acme.com\r\nContent-Length: 2\r\n\r\n"
        connection.data_received(upload)
        await lane.rest(connection, wire)
        connection.data_received(b"ab" + PLAIN)
        await lane.rest(connection, wire)
        assert re.findall(rb"HTTP/1.1 (\d+)", wire.sent)[-1:] == [b"307"]
        assert wire.sent.count(b"HTTP/1.1 ") == 2
        connection.data_received(upload)
        connection.data_received(b"a")
        connection.data_received(b"b")
        connection.data_received(PLAIN)
        await lane.rest(connection, wire)
        assert re.findall(rb"HTTP/1.1 (\d+)", wire.sent)[-1:] == [b"307"]
        assert wire.sent.count(b"HTTP/1.1 ") == 4

    lanes.run(steps())


@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_an_idle_connection_is_closed_after_the_keep_alive_time_and_no_sooner(lanes: Lanes, kind: str) -> None:
    lane: Lane = getattr(lanes, kind)

    async def steps() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        connection, wire = lane.connect()
        for answers in (1, 2):
            connection.data_received(PLAIN)
            await lane.rest(connection, wire)
            assert wire.sent.count(b"HTTP/1.1 307") == answers
            # Each answer begins the time anew: both parts together are longer than it is.
            loop.skip(0.8 * connection.timeout_keep_alive)
            await lane.rest(connection, wire)
            assert not wire.closed

        loop.skip(0.3 * connection.timeout_keep_alive)
        await lane.rest(connection, wire)
        assert wire.closed
        assert wire.sent.count(b"HTTP/1.1 307") == 2

    lanes.run(steps())


DIGEST = f"sha256:{'a' * 64}"


class Records(logging.Handler):
    """The facts of every record that it is given, but for what differs from request to request."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        of_each = ("duration_ms", "request_id")
        assert all(getattr(record, name) for name in of_each)
        self.facts.append({name: value for name, value in facts_of(record).items() if name not in of_each})


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the access log says, which is on."""
    records = Records()
    monkeypatch.setattr(access_log.logger, "handlers", [records])
    access_log.logger.setLevel(logging.INFO)
    return records.facts


BEHIND_PROXY = PLAIN.replace(b"docker.acme.com", b"inner:8000").replace(
    b"Accept",
    b"X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\nX-Forwarded-Host: docker.acme.com\r\n"
    b"X-Forwarded-For: 203.0.113.8\r\nAccept",
)
SAID = {"method": "GET", "target": "/v2/acme/app/manifests/1.0", "status": 307, "decision": "redirect"}
CONTAINERD = {"user_agent": "containerd/2.1.3"}


@pytest.mark.parametrize(
    ("raw", "peer", "said"),
    [
        (PLAIN, "192.0.2.1", SAID | CONTAINERD | {"host": "docker.acme.com", "client": "192.0.2.1"}),
        (
            PLAIN.replace(b"User-Agent: containerd/2.1.3\r\n", b"").replace(b"1.0 ", b"1.0?ns=x "),
            "192.0.2.1",
            SAID | {"target": "/v2/acme/app/manifests/1.0?ns=x", "host": "docker.acme.com", "client": "192.0.2.1"},
        ),
        (PLAIN.replace(b"1.0 ", b"1.0? "), PROXY, SAID | CONTAINERD | {"host": "docker.acme.com", "client": PROXY}),
        (BEHIND_PROXY, PROXY, SAID | CONTAINERD | {"host": "docker.acme.com", "client": "203.0.113.8"}),
        (
            BEHIND_PROXY,
            "192.0.2.1",
            SAID | CONTAINERD | {"host": "inner:8000", "client": "192.0.2.1", "status": 404, "decision": "refuse"},
        ),
    ],
    ids=["plain", "query", "proxy", "proxy that tells", "stranger that tells"],
)
def test_the_access_log_says_the_same_whichever_lane_answers(
    lanes: Lanes, logged: list[dict[str, object]], raw: bytes, peer: str, said: dict[str, object]
) -> None:
    lane = Lane(FastLaneProtocol, AccessLog(facade()))
    redirects = counters.totals[REDIRECTS]

    async def send(*reads: bytes) -> None:
        await lane.answer(reads, peer)

    lanes.run(send(raw))
    # In two reads, which is for the parser.
    lanes.run(send(raw[:30], raw[30:]))

    assert logged == [said, said]
    assert counters.totals[REDIRECTS] == redirects + (2 if said["status"] == 307 else 0)


AGENTS = (
    *("docker/28.0.1 go/go1.23 os/linux", "docker/29.2 containerd-client/2.2 storage-driver/x", "containerd/2.1.9"),
    *("buildkit/v0.23", "crane/0.21.8 go-containerregistry/0.21.8", "crane/0.21.7 go-containerregistry/0.21.7"),
    *("containers/5.34", "regclient/regctl (v0.9)", "x/1 (docker/28)", "x/1 docker/28", "Docker-Client/28", ""),
)


@pytest.mark.parametrize("path", ["split/app/manifests/1.0", f"split/app/blobs/sha256:{'a' * 64}", "open/a/tags/list"])
def test_what_is_remembered_of_one_client_is_told_to_no_other(lanes: Lanes, path: str) -> None:
    """All that a decision depends on is in what the fast lane remembers by."""
    for agents in (AGENTS, AGENTS[::-1], sorted(AGENTS)):
        reads = [
            f"GET /v2/{path} HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: {agent}\r\n\r\n".encode()
            for agent in agents
        ]
        lanes.compare([*reads, *reads])


@pytest.mark.parametrize("line", ["GET /livez HTTP/1.0", "HEAD /livez HTTP/1.0", "GET /livez HTTP/1.1"])
@pytest.mark.parametrize("host", ["Host: 10.0.0.7:8000\r\n", "Host: [::2]\r\n", "Host: [::1]\r\n", ""])
def test_health_checks_by_address(lanes: Lanes, line: str, host: str) -> None:
    sent = lanes.compare([f"{line}\r\n{host}\r\n".encode()]).sent

    expected = "404" if "[::1]" in host else "200" if host or "1.0" in line else "400"
    assert sent.startswith(f"HTTP/1.1 {expected} ".encode())
    assert (b'\r\n\r\n{"status": "ok"' in sent) is (expected == "200" and line.startswith("GET"))


def test_an_escaped_colon(lanes: Lanes) -> None:
    target = f"/v2/acme/app/blobs/sha256%3A{'a' * 64}"
    sent = lanes.compare([f"GET {target} HTTP/1.1\r\nHost: docker.acme.com\r\n\r\n".encode()]).sent

    assert f"location: https://ghcr.io/v2/acme/app/blobs/sha256:{'a' * 64}\r\n".encode() in sent


@pytest.mark.parametrize("fields", ["Connection: close\r\n", "Connection: keep-alive\r\n", ""])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("host", ["Host: docker.acme.com\r\n", ""])
@pytest.mark.parametrize("behind", ["abc", "\x00", "GET / HTTP/9"])
def test_what_nobody_can_read_behind_a_request(lanes: Lanes, version: str, host: str, fields: str, behind: str) -> None:
    lanes.compare([f"GET /v2/acme/app/manifests/1.0 HTTP/{version}\r\n{host}{fields}\r\n{behind}".encode()])

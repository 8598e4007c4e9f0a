"""What a worker answers past ASGI: the same bytes to the client and to the registry, and the same end in every case.

Held against uvicorn's own protocol before Django (`Lanes`). Whoever asks here goes through the facade's protocol; that
also the other tests of relays do so is the doing of `facade_client` and of test_answers_nobody_reads.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.request.responses import Response
from routing.dataplane.serving import access_log, fast_lane
from routing.dataplane.serving.access_log import AccessLog
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.serving.handler import HandledRequest
from routing.dataplane.serving.relay_cycle import RelayCycle
from routing.dataplane.telemetry.counters import answers_key, counters
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.dispatch import HeldAnswer
from routing.dataplane.upstream.relay_limits import relay_limits
from tests.dataplane.facade_client import BLOB, MANIFEST, PODMAN, REFERRERS, TAGS, UPSTREAM, set_mappings
from tests.fast_lane.lanes import Lane, Lanes, SteppedLoop, Wire, facade
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.scripted_registry import ScriptedRegistry
from tests.registries.waiting import eventually

PROXY = "198.51.100.7"
LIST = b'{"name":"team/app","tags":[]}'
BODY = b'{"schemaVersion":2}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\nETag: x\r\nContent-Length: 19\r\n\r\n"
)
GONE = answers_key("relay", None)


def request(path: str = MANIFEST, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: docker.acme.com", f"User-Agent: {PODMAN}"]
    return "\r\n".join([*lines, "Authorization: Bearer a.b", *fields, "", ""]).encode("latin-1")


@pytest.fixture
def lanes(trusting: Settings) -> Iterator[Lanes]:
    trusting.FACADE_TRUSTED_PROXIES = [PROXY]
    both = Lanes()
    yield both
    both.run(client_pool.close())
    both.close()


def map_to(url: str, **more: Any) -> None:
    entry = RegistryEntry(url, "the registry", auth="bearer", realm=f"{url}/realm", service="s")
    set_mappings({"team": (entry._replace(**more), "acme", 0)})


PLAIN = [
    request(),
    request(method="HEAD"),
    request(f"{MANIFEST}?ns=docker.acme.com&x=%20"),
    request(MANIFEST, "Accept: a/b", "ACCEPT:c/d , e/f ", "Accept:\t*/*\t"),
    request(MANIFEST, "If-None-Match: x", "Range: bytes=0-1", "Cookie: a=b", "Accept:"),
    request(MANIFEST, "Accept: \xe9"),
    request(MANIFEST, "Connection: close"),
    request(MANIFEST, "Connection: keep-alive"),
    request(MANIFEST, "Authorization: Bearer c"),
    request(MANIFEST, "X-Forwarded-Proto: https", "X-Forwarded-Host: docker.acme.com"),
    request(TAGS),
    request(REFERRERS),
    request(BLOB),
    request("/token?service=docker.acme.com&scope=repository:team/app:pull"),
    request("/token", "X-Forwarded-Proto: https"),
    request().replace(f"User-Agent: {PODMAN}\r\n".encode(), b""),
    request().replace(b"Bearer a.b", b"Basic YTpi"),
    request().replace(b"Bearer a.b", b"Bearer rfs1.forged"),
]
ANSWERS = {
    "a manifest": ANSWER + BODY,
    "a 304": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    "a redirect": b"HTTP/1.1 307 X\r\nLocation: https://cdn.example.com/x?y=%20\r\nContent-Length: 0\r\n\r\n",
    "a refusal": b"HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer realm=x\r\nContent-Length: 0\r\n\r\n",
    "a limit": b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nRateLimit-Limit: 100;w=21600\r\nContent-Length: 0\r\n\r\n",
    "an odd field": ANSWER.replace(b"ETag: x", b"OCI-X: \x1b[1m\xe9\t!") + BODY,
    "no HTTP": b"220 ready\r\n\r\n",
}


@pytest.mark.parametrize("peer", ["192.0.2.1", PROXY])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_same_bytes_go_to_the_client_and_to_the_registry(
    lanes: Lanes, registry: ScriptedRegistry, peer: str, answer: bytes
) -> None:
    map_to(registry.url)
    registry.responses = [answer]
    for raw in PLAIN:
        registry.requests.clear()
        outcome = lanes.compare([raw], peer)
        # Thrice: `compare` asks the fast lane twice. An open connection that breaks is tried twice by all.
        # A HEAD without a digest is followed by a GET.
        asked = {sent.partition(b" ")[2] for sent in registry.requests}
        assert len(asked) <= 1 or b"/token" in raw, raw
        assert outcome.closed is (b"Connection: close" in raw)
    assert lanes.fast.application.requests == 0


def test_what_goes_on_to_the_application(lanes: Lanes, registry: ScriptedRegistry, settings: Settings) -> None:
    map_to(registry.url, stream_blobs=True)
    registry.responses = [ANSWER + BODY]
    others = [
        request(BLOB),
        request(version="1.0"),
        request(MANIFEST, "Content-Length: 1") + b"x",
        request("/token", "Content-Length: 3", method="POST") + b"a=b",
    ]
    for number, raw in enumerate(others, 1):
        lanes.compare([raw])
        assert lanes.fast.application.requests == 2 * number, raw


@pytest.mark.parametrize("query", ["", "?", "x?y", '"<>\\^`{|}', "a=%20", "\xe9", "a#b", "\x7f", "a\tb", "\x01"])
@pytest.mark.parametrize("path", [MANIFEST, "/token"])
def test_a_query_is_read_as_by_the_parser(lanes: Lanes, registry: ScriptedRegistry, path: str, query: str) -> None:
    map_to(registry.url)
    registry.responses = [ANSWER + BODY]
    lanes.compare([request(f"{path}?{query}")])
    assert len(set(registry.requests)) <= 1 or path == "/token"


def test_a_request_that_is_logged_goes_on_to_the_application(
    lanes: Lanes, registry: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_to(registry.url)
    registry.responses = [ANSWER + BODY]
    monkeypatch.setattr(access_log.logger, "handlers", [logging.NullHandler()])
    lane = Lane(FastLaneProtocol, AccessLog(facade()))

    async def steps() -> None:
        assert (await lane.answer([request()])).sent.endswith(BODY)

    lanes.run(steps())
    assert lane.application.requests == 1


@pytest_asyncio.fixture
async def open_lane(server: FaultyServer, trusting: Settings) -> AsyncIterator[Callable[[], tuple[Any, Wire, Lane]]]:
    map_to(server.url)
    lane = Lane(FastLaneProtocol, facade())

    def opened() -> tuple[Any, Wire, Lane]:
        return *lane.connect(), lane

    yield opened
    await client_pool.close()


Open = Callable[[], tuple[Any, Wire, Lane]]


async def test_who_leaves_while_the_registry_is_asked_waits_for_nothing_more(
    open_lane: Open, server: FaultyServer
) -> None:
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    gone = counters.totals[GONE]
    connection, wire, lane = open_lane()
    connection.data_received(request())
    await eventually(lambda: relay_limits.under_way == 1 and server.requests != [])

    connection.connection_lost(None)
    await lane.rest(connection, wire)

    assert (relay_limits.under_way, connection.tasks, bytes(wire.sent)) == (0, set(), b"")
    assert counters.totals[GONE] == gone + 1


async def test_who_leaves_at_once_is_asked_for_nothing(open_lane: Open, server: FaultyServer) -> None:
    gone = counters.totals[GONE]
    connection, wire, lane = open_lane()
    connection.data_received(request())
    fast_lane._batch.serve()
    assert isinstance(connection.cycle, RelayCycle)

    connection.connection_lost(None)
    await lane.rest(connection, wire)

    assert (server.requests, connection.tasks, bytes(wire.sent)) == ([], set(), b"")
    assert counters.totals[GONE] == gone + 1


async def test_the_next_request_waits_for_the_answer(open_lane: Open, server: FaultyServer) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {}, BODY)
    server.answers(UPSTREAM[TAGS], 200, {"Content-Type": "application/json"}, LIST)
    connection, wire, lane = open_lane()
    connection.data_received(request())
    await asyncio.sleep(0)
    # The second in two reads, the third behind it.
    connection.data_received(request(TAGS)[:50])
    await asyncio.sleep(0)
    connection.data_received(request(TAGS)[50:] + request(MANIFEST, "Connection: close"))
    await lane.rest(connection, wire)

    assert wire.sent.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert wire.sent.index(LIST) > wire.sent.index(BODY)
    assert wire.sent.endswith(BODY)
    assert wire.closed


async def test_the_place_is_kept_until_the_client_has_taken_the_answer(
    open_lane: Open, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = b"x" * 100_000
    server.answers(UPSTREAM[MANIFEST], 200, {}, long)
    connection, wire, lane = open_lane()
    written = wire.writelines

    def write_and_pause(parts: Any) -> None:
        written(parts)
        connection.pause_writing()

    monkeypatch.setattr(wire, "writelines", write_and_pause)
    connection.data_received(request())
    await lane.rest(connection, wire)
    assert wire.sent.endswith(long)
    assert (relay_limits.under_way, relay_limits.held_bytes) == (1, len(long))

    connection.resume_writing()
    await lane.rest(connection, wire)
    assert (relay_limits.under_way, relay_limits.held_bytes) == (0, 0)
    assert not wire.closed


async def test_others_have_their_turns_while_a_long_answer_is_written(
    open_lane: Open, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel takes megabytes at once, and is at it for milliseconds."""
    long = bytes(range(256)) * 8192
    server.answers(UPSTREAM[MANIFEST], 200, {}, long)
    connection, wire, lane = open_lane()
    written, pieces, turns = wire.write, [], [0]

    def note(data: Any) -> None:
        pieces.append((len(data), turns[0]))
        written(data)

    async def turn() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(wire, "write", note)
    connection.data_received(request())
    turning = asyncio.create_task(turn())
    await lane.rest(connection, wire)
    turning.cancel()

    assert wire.sent.endswith(long)
    assert max(length for length, _ in pieces) < 300_000
    assert len({turn for _, turn in pieces}) == len(pieces) > 2


async def test_who_is_behind_gets_the_rest_of_a_long_answer_at_once(
    open_lane: Open, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in the server then, and the time in which it has to be taken runs once."""
    long = b"x" * 2_000_000
    server.answers(UPSTREAM[MANIFEST], 200, {}, long)
    connection, wire, lane = open_lane()
    written = wire.write

    def write_and_pause(data: Any) -> None:
        written(data)
        connection.pause_writing()

    monkeypatch.setattr(wire, "write", write_and_pause)
    connection.data_received(request())
    await lane.rest(connection, wire)

    assert wire.sent.endswith(long)
    assert relay_limits.under_way == 1
    connection.resume_writing()
    await lane.rest(connection, wire)
    assert relay_limits.under_way == 0


async def test_who_leaves_in_the_middle_of_a_long_answer_gets_no_more(
    open_lane: Open, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {}, b"x" * 2_000_000)
    connection, wire, lane = open_lane()
    written = wire.write

    def write_and_close(data: Any) -> None:
        written(data)
        wire.abort()

    monkeypatch.setattr(wire, "write", write_and_close)
    connection.data_received(request())
    await lane.rest(connection, wire)

    assert len(wire.sent) < 300_000
    assert (relay_limits.under_way, relay_limits.held_bytes) == (0, 0)


async def test_at_the_servers_end_an_answer_that_is_under_way_is_the_last(
    open_lane: Open, server: FaultyServer
) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(exchange: Exchange) -> None:
        loop.call_soon_threadsafe(asked.set)
        exchange.server.stopping.wait(0.1)
        exchange.answer(200, {}, BODY)

    server.on(UPSTREAM[MANIFEST], slowly)
    connection, wire, lane = open_lane()
    connection.data_received(request())
    await asked.wait()
    assert len(connection.tasks) == 1

    connection.shutdown()
    await lane.rest(connection, wire)

    assert b"\r\nconnection: close\r\n" in wire.sent
    assert wire.sent.endswith(BODY)
    assert wire.closed


async def test_what_nobody_foresaw_is_told(
    open_lane: Open, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def split(_handled: HandledRequest, _form: bytes, **_: Any) -> HeldAnswer:
        return HeldAnswer(Response(200, [("x", "a\r\nb: c"), ("Content-Length", "0")]))

    monkeypatch.setattr(HandledRequest, "upstream_response", split)
    connection, wire, lane = open_lane()
    connection.data_received(request())
    await lane.rest(connection, wire)

    assert wire.sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert wire.closed
    assert "answering a request failed" in caplog.text


def test_the_keep_alive_time_begins_with_the_answer(lanes: Lanes, server: FaultyServer) -> None:
    map_to(server.url)
    going_on = asyncio.Event()

    async def steps() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        server.on(UPSTREAM[MANIFEST], Exchange.hang)
        connection, wire = lanes.fast.connect()
        server.answers(UPSTREAM[TAGS], 200, {"Content-Type": "application/json"}, LIST)
        connection.data_received(request(TAGS))
        await lanes.fast.rest(connection, wire)
        assert wire.sent.endswith(LIST)

        # Another one, whose answer comes when the timer of the first has ended.
        held = asyncio.Event()

        async def slow(handled: HandledRequest, _form: bytes, **_: Any) -> HeldAnswer:
            held.set()
            await going_on.wait()
            return HeldAnswer(Response(200, [("Content-Length", "2")], b"ok"))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HandledRequest, "upstream_response", slow)
            connection.data_received(request())
            await held.wait()
            loop.skip(1.1 * connection.timeout_keep_alive)
            for _ in range(5):
                await asyncio.sleep(0)
            assert not wire.closed
            going_on.set()
            await lanes.fast.rest(connection, wire)
        assert wire.sent.endswith(b"ok")

        loop.skip(0.9 * connection.timeout_keep_alive)
        await lanes.fast.rest(connection, wire)
        assert not wire.closed
        for _ in range(2):
            loop.skip(0.6 * connection.timeout_keep_alive)
            await lanes.fast.rest(connection, wire)
        assert wire.closed

    lanes.run(steps())

"""A connection that is gone is gone: nothing of it waits for the garbage collector, for which everybody would wait.

Of a flood of short connections that would be hundreds of thousands of objects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from routing.dataplane.serving.asgi import DataPlane
from routing.dataplane.serving.body_guard import BodyGuard
from routing.dataplane.serving.django_pages import Pages
from routing.dataplane.serving.fast_lane import FastLaneProtocol
from routing.dataplane.serving.handover import GivingProtocol, Handover
from tests.fast_lane.lanes import Lane
from tests.garbage import circles

READS = {
    "nothing": b"",
    "redirect": b"GET /v2/acme/app/manifests/1 HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: docker/28.0.0\r\n\r\n",
    "page": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "unknown host": b"GET /v2/ HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n",
    "cut short": b"GET /v2/ HT",
    "no http": b"nonsense\r\n\r\n",
}


async def page(scope: object, receive: object, send: object) -> None:
    """Django, as far as the protocol goes."""
    await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]


@pytest.mark.django_db(transaction=True)
async def test_a_page_leaves_no_request_to_the_garbage_collector() -> None:
    """What is around the request: the connection, the answer and the tasks. Django's own objects have circles."""
    lane = Lane(FastLaneProtocol, BodyGuard(DataPlane(Pages())))  # type: ignore[arg-type]  # Django's narrower types
    wanted = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    await ask_for(lane, wanted)
    with circles() as left:
        for _ in range(3):
            await ask_for(lane, wanted)

    assert not {"RequestAborted", "RequestResponseCycle", "FastLaneProtocol", "frame"} & left.keys(), left


async def ask_for(lane: Lane, wanted: bytes) -> None:
    """One answer, and then the connection is gone."""
    protocol, wire = lane.connect()
    protocol.data_received(wanted)
    await lane.rest(protocol, wire)
    assert wire.sent.startswith(b"HTTP/1.1 200 ")
    protocol.connection_lost(None)
    wire.set_protocol(None)
    await lane.rest(protocol, wire)


@pytest.fixture
def giving(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GivingProtocol]]:
    """The protocol of a worker beside which there is no control worker that takes anything."""
    handover = Handover()
    monkeypatch.setattr(GivingProtocol, "handover", handover, raising=False)
    yield GivingProtocol
    handover._giving.close()
    handover._taking.close()


@pytest.mark.parametrize("kind", [FastLaneProtocol, GivingProtocol])
@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.usefixtures("giving")
async def test_a_connection_leaves_nothing_to_the_garbage_collector(kind: type[FastLaneProtocol], read: bytes) -> None:
    lane = Lane(kind, BodyGuard(DataPlane(page)))
    await come_and_go(lane, read)
    with circles() as left:
        for _ in range(3):
            await come_and_go(lane, read)

    assert not {kind.__name__, "RequestResponseCycle", "_Flow", "HttpRequestParser"} & left.keys(), left


async def come_and_go(lane: Lane, read: bytes) -> None:
    """One connection, from its beginning to its end."""
    protocol, wire = lane.connect()
    if read:
        protocol.data_received(read)
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    # As the event loop's transports do.
    wire.set_protocol(None)
    for _ in range(5):
        await asyncio.sleep(0)

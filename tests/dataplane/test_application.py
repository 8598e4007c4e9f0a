"""The ASGI application beyond its answers, which test_relay.py and tests/fast_lane hold against the middleware's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving.asgi import DataPlane
from routing.dataplane.serving.body_guard import MAX_TOKEN_FORM_BYTES, Receive, Scope, Send
from routing.dataplane.upstream.relay_limits import relay_limits
from tests.dataplane.facade_client import BLOB, HOST, MANIFEST, PODMAN, TOKEN, UPSTREAM, FacadeClient
from tests.fast_lane.lanes import facade, table
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.waiting import eventually

pytestmark = pytest.mark.parametrize("facade_client", ["application"], indirect=True)

FIELDS = [(b"host", HOST.encode()), (b"user-agent", PODMAN.encode()), (TOKEN[0].encode(), TOKEN[1].encode())]


def scope(path: str, *, method: str = "GET", fields: list[tuple[bytes, bytes]] = FIELDS, **more: Any) -> Scope:
    given = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    return {**given, "headers": fields, "client": ("192.0.2.1", 40_000), "scheme": "http", **more}


class Client:
    """A client that asks, and hangs up when it is told to."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.hung_up = asyncio.Event()
        self._asked = False

    async def receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message.get("more_body"):
            # It takes no more than the first part.
            await asyncio.Event().wait()


class Django:
    """Stands for Django: takes what it is given down."""

    def __init__(self) -> None:
        self.given: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.given.append(scope)


async def test_who_hangs_up_while_the_registry_is_asked_waits_for_nothing_more(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    client = Client()
    answering = asyncio.ensure_future(facade()(scope(MANIFEST), client.receive, client.send))
    await eventually(lambda: relay_limits.under_way == 1 and server.requests != [])

    client.hung_up.set()
    await asyncio.wait_for(answering, 10)

    assert relay_limits.under_way == 0
    assert client.sent == []


async def test_who_hangs_up_during_a_stream_is_sent_nothing_more(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))

    def flood(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        exchange.flood()

    server.on(UPSTREAM[BLOB], flood)
    client = Client()
    answering = asyncio.ensure_future(facade()(scope(BLOB), client.receive, client.send))
    await eventually(lambda: len(client.sent) == 2 and server.is_stuck())

    client.hung_up.set()
    await asyncio.wait_for(answering, 10)

    assert relay_limits.under_way == 0
    assert len(client.sent) == 2
    # The registry has been hung up on.
    await eventually(lambda: not server.serving)


async def test_a_server_that_stops_takes_its_relays_along(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    client = Client()
    answering = asyncio.ensure_future(facade()(scope(MANIFEST), client.receive, client.send))
    await eventually(lambda: relay_limits.under_way == 1)

    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering

    assert relay_limits.under_way == 0


async def test_a_form_that_does_not_come_to_its_end_asks_nobody(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    fields = [*FIELDS, (b"content-length", b"20")]
    given = iter([{"type": "http.request", "body": b"scope=", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(given)

    client = Client()
    await facade()(scope("/token", method="POST", fields=fields), receive, client.send)

    assert (client.sent, server.requests) == ([], [])


@pytest.mark.parametrize(
    ("given", "to_django"),
    [
        ({"path": "/admin/", "fields": [(b"host", b"localhost")]}, True),
        ({"path": "/v2/acme/app/manifests/1.0", "fields": [(b"host", b"localhost")]}, False),
        ({"path": "/", "fields": [(b"host", b"nobody.acme.com")]}, False),
        # Django decodes the query before anybody is asked, and has words of its own where it can't.
        ({"path": "/v2/", "fields": [(b"host", b"docker.acme.com")], "query_string": b"\xff"}, True),
        # A server that doesn't tell the raw path: the middleware puts it together.
        ({"path": "/v2/", "fields": [(b"host", b"docker.acme.com")], "raw_path": None}, True),
        ({"path": "/", "type": "lifespan"}, True),
    ],
)
async def test_what_is_no_registry_clients_goes_on_to_django(
    facade_client: FacadeClient, given: dict[str, Any], to_django: bool
) -> None:
    live_table.table = table()
    django, client = Django(), Client()

    await DataPlane(django)(scope(**given), client.receive, client.send)

    assert (django.given != [], client.sent != []) == (to_django, not to_django)


async def test_a_field_with_an_underscore_passes_for_no_other(facade_client: FacadeClient, settings: Any) -> None:
    settings.FACADE_TRUSTED_PROXIES = ["192.0.2.1"]
    live_table.table = table()
    client = Client()
    fields = [(b"host", b"docker.acme.com"), (b"x_forwarded_host", b"whole.acme.com")]

    await facade()(scope("/v2/", fields=fields), client.receive, client.send)

    assert b'service="docker.acme.com"' in dict(client.sent[0]["headers"])[b"WWW-Authenticate"]


async def test_too_long_a_form_is_refused_unread(facade_client: FacadeClient) -> None:
    fields = [*FIELDS, (b"content-length", str(MAX_TOKEN_FORM_BYTES + 1).encode())]
    client = Client()

    await facade()(scope("/token", method="POST", fields=fields), client.receive, client.send)

    assert client.sent[0]["status"] == 413

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.exceptions import BadResponse, RegistryTimeout, ResponseTooLarge, UnsendableRequest
from tests.registries.conftest import ANYTHING, PATIENT
from tests.registries.faulty_server import CHUNK, Exchange, FaultyServer
from tests.registries.waiting import eventually

StartServer = Callable[..., FaultyServer]


async def test_an_answer_comes_whole(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/v2/", 418, {"Content-Type": "text/x", "Link": "</a>"}, b"body")
    answer = await client.request("GET", server.url + "/v2/?n=1")
    assert (answer.status, answer.body, answer.url) == (418, b"body", server.url + "/v2/?n=1")
    assert answer.headers["link"] == "</a>"


async def test_the_request_says_what_it_has_to(client: RegistryClient, server: FaultyServer) -> None:
    await client.request("GET", server.url + "/a?q=%2f|'", headers=[("accept", "x/y"), ("Authorization", "Bearer t")])
    await client.request("POST", server.url + "/b", content=b"a=b")
    get, post = server.requests
    assert get.path == "/a?q=%2f|'"
    assert {name.lower(): value for name, value in get.headers.items()} == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "registry-facade",
        "accept": "x/y",
        "accept-encoding": "identity",
        "authorization": "Bearer t",
    }
    assert (post.method, post.body, post.headers["Content-Length"]) == ("POST", b"a=b", "3")


async def test_an_ipv6_host_header_has_its_brackets(client: RegistryClient, start_server: StartServer) -> None:
    server = start_server(address="::1")
    await client.request("GET", f"http://[::1]:{server.port}/")
    assert server.requests[0].headers["Host"] == f"[::1]:{server.port}"


async def test_a_redirect_is_handed_over_and_not_followed(
    client: RegistryClient, server: FaultyServer, start_server: StartServer
) -> None:
    elsewhere = start_server()
    server.answers("/blob", 307, {"Location": elsewhere.url + "/x"})
    answer = await client.request("GET", server.url + "/blob")
    assert (answer.status, answer.headers["location"]) == (307, elsewhere.url + "/x")
    assert elsewhere.connections == 0


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, server: FaultyServer, start_server: StartServer
) -> None:
    proxy = start_server()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    async with RegistryClient(ANYTHING, PATIENT) as client:
        await client.request("GET", server.url + "/")
    assert (len(server.requests), proxy.connections) == (1, 0)


async def test_cookies_of_one_answer_do_not_reach_the_next_request(
    client: RegistryClient, server: FaultyServer
) -> None:
    server.answers("/", 200, {"Set-Cookie": "session=of-another-caller; Path=/"})
    await client.request("GET", server.url + "/")
    await client.request("GET", server.url + "/")
    assert "Cookie" not in server.requests[1].headers


async def test_content_codings_are_left_alone(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/", 200, {"Content-Encoding": "gzip"}, b"not really gzip")
    assert (await client.request("GET", server.url + "/")).body == b"not really gzip"


async def test_connections_are_used_again(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/page", 200, {}, b"{}")
    server.answers("/blob", 307, {"Location": "https://cdn.example/"}, b"<a href>elsewhere</a>")
    server.answers("/large", 200, {"Content-Length": "5000000"})
    await client.request("GET", server.url + "/page")
    await client.request_headers_only("GET", server.url + "/blob")
    await client.request_headers_only("HEAD", server.url + "/large")
    await client.request("GET", server.url + "/page")
    assert server.connections == 1


async def test_a_connection_that_died_idle_costs_no_request(client: RegistryClient, server: FaultyServer) -> None:
    def only_once_on_a_connection(exchange: Exchange) -> None:
        if sum(request.connection == exchange.request.connection for request in server.requests) > 1:
            exchange.close()
        else:
            exchange.answer(200, {}, b"{}")

    server.on("/", only_once_on_a_connection)
    for _ in range(3):
        assert (await client.request("GET", server.url + "/")).status == 200
    assert len(server.requests) == 5


async def test_a_request_whose_answer_has_begun_is_not_repeated(client: RegistryClient, server: FaultyServer) -> None:
    def only_once_on_a_connection(exchange: Exchange) -> None:
        if sum(request.connection == exchange.request.connection for request in server.requests) > 1:
            exchange.send(b"HTTP/1.1 2")
            exchange.close()
        else:
            exchange.answer(200, {}, b"{}")

    server.on("/", only_once_on_a_connection)
    assert (await client.request("GET", server.url + "/")).status == 200
    with pytest.raises(BadResponse):
        await client.request("GET", server.url + "/")
    assert len(server.requests) == 2


async def test_a_post_is_never_repeated(client: RegistryClient, server: FaultyServer) -> None:
    server.on("/", Exchange.close)
    with pytest.raises(Exception, match="did not answer"):
        await client.request("POST", server.url + "/", content=b"grant")
    assert len(server.requests) == 1


async def test_a_body_that_nobody_asked_for_is_not_read(client: RegistryClient, server: FaultyServer) -> None:
    def layer(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        exchange.flood()

    server.on("/layer", layer)
    assert (await client.request_headers_only("GET", server.url + "/layer")).status == 200
    before = server.sent_bytes
    # What the kernels' buffers hold, and nothing beyond: the connection is closed.
    await eventually(lambda: server.requests[0].connection not in server.serving)
    assert server.sent_bytes - before < 64 * 1024 * 1024


async def test_a_stream_waits_for_its_reader(client: RegistryClient, server: FaultyServer) -> None:
    def layer(exchange: Exchange) -> None:
        exchange.head(200, {"Transfer-Encoding": "chunked"})
        for _ in range(10**6):
            exchange.send(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))

    server.on("/layer", layer)
    async with client.open("GET", server.url + "/layer", streaming=True) as answer:
        chunks = answer.chunks()
        assert set(await anext(chunks)) == {ord("x")}
        await eventually(server.is_stuck)
        stuck_at = server.sent_bytes
        assert stuck_at < 64 * 1024 * 1024
        received = 0
        async for chunk in chunks:
            received += len(chunk)
            if received > stuck_at + 1_000_000:
                break
        await chunks.aclose()
    assert server.sent_bytes > stuck_at


async def test_a_stream_outlives_the_total_deadline(server: FaultyServer) -> None:
    def layer(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "30"})
        exchange.drip_once(b"x" * 30, every_seconds=0.05)

    server.on("/layer", layer)
    limits = ClientLimits(connect_seconds=1.2, total_seconds=1.2, idle_seconds=20)
    async with (
        RegistryClient(ANYTHING, limits) as client,
        client.open("GET", server.url + "/layer", streaming=True) as answer,
    ):
        assert b"".join([chunk async for chunk in answer.chunks()]) == b"x" * 30


async def test_a_head_of_something_large_is_no_large_body(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/", 200, {"Content-Length": "10000000"})
    answer = await client.request("HEAD", server.url + "/")
    assert (answer.headers["content-length"], answer.body) == ("10000000", b"")


async def test_the_size_limit_can_be_narrowed(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/", 200, {}, b"x" * 11)
    assert (await client.request("GET", server.url + "/", max_body_bytes=11)).body == b"x" * 11
    with pytest.raises(ResponseTooLarge, match="more than 10 bytes"):
        await client.request("GET", server.url + "/", max_body_bytes=10)


async def test_one_slow_registry_leaves_the_others_their_places(
    server: FaultyServer, start_server: StartServer
) -> None:
    healthy = start_server()
    healthy.answers("/", 200, {}, b"ok")
    server.on("/", Exchange.hang)
    limits = replace(PATIENT, connect_seconds=1.5, max_connections=3, max_connections_per_origin=2)
    async with RegistryClient(ANYTHING, limits) as client:
        stuck = [asyncio.create_task(client.request("GET", server.url + "/")) for _ in range(2)]
        await eventually(lambda: len(server.requests) == 2)
        with pytest.raises(RegistryTimeout, match="too many requests to it"):
            await client.request("GET", server.url + "/")
        assert (await client.request("GET", healthy.url + "/")).body == b"ok"
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        server.answers("/", 200, {}, b"well again")
        assert (await client.request("GET", server.url + "/")).body == b"well again"


async def test_a_full_pool_is_said_to_be_full(server: FaultyServer, start_server: StartServer) -> None:
    server.on("/", Exchange.hang)
    other = start_server()
    async with RegistryClient(ANYTHING, replace(PATIENT, connect_seconds=1.5, max_connections=1)) as client:
        stuck = asyncio.create_task(client.request("GET", server.url + "/"))
        await eventually(lambda: len(server.requests) == 1)
        with pytest.raises(RegistryTimeout, match="too many requests to registries"):
            await client.request("GET", other.url + "/")
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)


@pytest.mark.parametrize("header", [("X", "a\r\nInjected: b"), ("X", "a\x00"), ("X y", "a"), ("X", "☃"), ("ü", "a")])
async def test_a_header_that_would_split_the_request_is_not_sent(
    client: RegistryClient, server: FaultyServer, header: tuple[str, str]
) -> None:
    with pytest.raises(UnsendableRequest):
        await client.request("GET", server.url + "/", headers=[header])
    assert server.requests == []


async def test_no_credential_is_logged_at_any_level(
    client: RegistryClient, server: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers("/v2/", 307, {"Location": "https://cdn.example/x?sig=s3cret", "Set-Cookie": "s3cret"}, b"s3cret")
    url = server.url + "/v2/?token=s3cret"
    answer = await client.request("GET", url, headers=[("Authorization", "Basic s3cret")])
    logging.getLogger("tests").error("what somebody else logs: %r", answer)
    assert "s3cret" not in caplog.text

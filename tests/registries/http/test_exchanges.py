"""The client over real sockets: what it keeps, what it gives up, and what one registry's ways cost the others."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.guard import GuardPolicy
from routing.registries.http.tls import ResumingContext
from tests.cpu_time import at_most
from tests.garbage import circles
from tests.registries.certificates import Authority
from tests.registries.conftest import ANYTHING, NO_CERTIFICATES, PATIENT
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer
from tests.registries.waiting import eventually

StartServer = Callable[..., FaultyServer]


def one_byte_chunks(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    while not exchange.server.stopping.is_set():
        exchange.send(b"1\r\nx\r\n" * 10_000)


def interim_answers(exchange: Exchange) -> None:
    while not exchange.server.stopping.is_set():
        exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000)


def trailers(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    exchange.send(b"1\r\nx\r\n0\r\n")
    while not exchange.server.stopping.is_set():
        exchange.send(b"X: y\r\n" * 10_000)


def chunk_extensions(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    while not exchange.server.stopping.is_set():
        exchange.send(b"1;" + b"x" * 50_000)


def silent(exchange: Exchange) -> None:
    exchange.server.stopping.wait(5)


def nonsense(exchange: Exchange) -> None:
    exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize("behaviour", [one_byte_chunks, interim_answers, trailers, chunk_extensions])
@pytest.mark.parametrize("streaming", [False, True])
async def test_what_would_cost_cpu_without_end_is_given_up(
    client: RegistryClient, server: FaultyServer, start_server: StartServer, behaviour: Behaviour, streaming: bool
) -> None:
    """While floods come in at full speed, another registry is asked, and the event loop has its turns."""
    server.on("/", behaviour)
    healthy = start_server()
    healthy.answers("/", 200, {}, b"ok")

    async def flooded() -> None:
        async with client.open("GET", server.url + "/", streaming=streaming) as answer:
            async for _ in answer.chunks():
                pass

    began = time.monotonic()
    with at_most(2):
        floods = [asyncio.create_task(flooded()) for _ in range(8)]
        assert (await client.request("GET", healthy.url + "/")).body == b"ok"
        outcomes = await asyncio.gather(*floods, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BadResponse] * 8
    assert time.monotonic() - began < PATIENT.total_seconds


@pytest.mark.parametrize("behaviour", [one_byte_chunks, interim_answers, trailers, chunk_extensions, silent, nonsense])
async def test_a_broken_answer_leaves_nothing_to_the_garbage_collector(
    client: RegistryClient, server: FaultyServer, behaviour: Behaviour
) -> None:
    """What was read of it, and the frames that it was raised through, would stay until everybody waits for that."""
    server.on("/", behaviour)
    await fails(client, server.url + "/")
    with circles() as left:
        for _ in range(3):
            await fails(client, server.url + "/")
        await asyncio.sleep(0.05)

    assert not {"frame", "traceback", "Connection", "ResponseReader"} & left.keys(), left


async def fails(client: RegistryClient, url: str) -> None:
    """Ask for what doesn't come, and keep nothing of how that ended."""
    try:
        async with client.open("GET", url, total_seconds=0.5) as answer:
            await answer.read(1024)
    except RegistryError:
        return
    raise AssertionError("it has come")


async def test_bytes_that_nobody_asked_for_are_nobodys_answer(client: RegistryClient, server: FaultyServer) -> None:
    def two_answers(exchange: Exchange) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        exchange.send(answer + b"one" + answer + b"two")

    server.on("/", two_answers)
    server.answers("/other", 200, {}, b"other")
    for _ in range(3):
        assert (await client.request("GET", server.url + "/")).body == b"one"
        assert (await client.request("GET", server.url + "/other")).body == b"other"


async def test_an_answer_that_lasts_until_the_end_of_its_connection(
    client: RegistryClient, server: FaultyServer
) -> None:
    def old(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.0 200 OK\r\n\r\nhello ")
        exchange.send(b"world")
        exchange.close()

    server.on("/", old)
    assert (await client.request("GET", server.url + "/")).body == b"hello world"
    assert (await client.request("GET", server.url + "/")).body == b"hello world"
    assert server.connections == 2


async def test_interim_answers_and_trailers_are_left_out(client: RegistryClient, server: FaultyServer) -> None:
    def much(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        exchange.head(200, {"Transfer-Encoding": "chunked", "X": "y"})
        exchange.send(b"2\r\nab\r\n0\r\nX: trailer\r\nLink: </trailer>\r\n\r\n")

    server.on("/", much)
    for _ in range(2):
        answer = await client.request("GET", server.url + "/")
        assert (answer.body, answer.headers["x"], answer.headers.get("link")) == (b"ab", "y", None)
    assert server.connections == 1


async def test_an_answer_before_the_end_of_the_request_is_an_answer(
    client: RegistryClient, server: FaultyServer
) -> None:
    server.answers("/", 413, {"Connection": "close"}, b"too long")
    answer = await client.request("POST", server.url + "/", content=b"x" * 60_000)
    assert (answer.status, answer.body) == (413, b"too long")


async def test_idle_connections_are_few_and_end(server: FaultyServer, start_server: StartServer) -> None:
    others = [start_server() for _ in range(3)]
    limits = replace(PATIENT, max_idle_connections=2, keep_idle_seconds=0.3)
    async with RegistryClient(ANYTHING, limits, tls=NO_CERTIFICATES) as client:
        for each in (server, *others):
            await client.request("GET", each.url + "/")
        await eventually(lambda: sum(len(each.serving) for each in (server, *others)) <= 2)
        await eventually(lambda: not any(each.serving for each in (server, *others)))
        assert not client._pool._origins
        assert client._pool._open == 0


async def test_a_connection_that_another_origin_needs_gives_way(
    server: FaultyServer, start_server: StartServer
) -> None:
    other = start_server()
    async with RegistryClient(ANYTHING, replace(PATIENT, max_connections=1), tls=NO_CERTIFICATES) as client:
        for each in (server, other, server, other):
            assert (await client.request("GET", each.url + "/")).status == 404
        assert client._pool._open == 1
    assert (server.connections, other.connections) == (2, 2)


async def test_those_who_wait_for_a_place_get_it_in_turn(server: FaultyServer) -> None:
    server.on("/", lambda exchange: exchange.answer(200, {}, b"ok"))
    for limits in (replace(PATIENT, max_connections=2), replace(PATIENT, max_connections_per_origin=2)):
        async with RegistryClient(ANYTHING, limits, tls=NO_CERTIFICATES) as client:
            asked = [asyncio.create_task(client.request("GET", server.url + "/")) for _ in range(30)]
            await asyncio.sleep(0)
            for task in asked[10:20]:
                task.cancel()
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) >= 20
            assert (await client.request("GET", server.url + "/")).status == 200
            assert client._pool._open <= 2


@pytest.mark.parametrize("when", [0.0, 0.001, 0.01, 0.1])
async def test_whoever_leaves_takes_no_place_along(server: FaultyServer, when: float) -> None:
    server.on("/", lambda exchange: exchange.drip_once(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0.005))
    server.answers("/ok", 200)
    limits = replace(PATIENT, max_connections=2, max_connections_per_origin=2)
    async with RegistryClient(ANYTHING, limits, tls=NO_CERTIFICATES) as client:
        for _ in range(5):
            tasks = [asyncio.create_task(client.request("GET", server.url + "/")) for _ in range(4)]
            await asyncio.sleep(when)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert (await client.request("GET", server.url + "/ok")).status == 200
        await eventually(lambda: client._pool._open <= 1)
        assert all(origin.busy == 0 for origin in client._pool._origins.values())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_sessions_are_resumed_for_the_same_name_alone(
    start_server: StartServer, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    authority, resumed = Authority(tmp_path), []
    context = authority.server_context("registry.test")
    context.maximum_version = version
    server = start_server(tls=context)

    def note(exchange: Exchange) -> None:
        assert isinstance(exchange.sock, ssl.SSLSocket)
        resumed.append(exchange.sock.session_reused)
        exchange.answer(200, {}, b"ok")
        if exchange.request.path == "/close":
            exchange.close()

    server.on("/close", note)
    server.on("/", note)

    async def at_loopback(host: str, share: str) -> Sequence[str]:
        return ["127.0.0.1"]

    tls = ResumingContext()
    tls.load_verify_locations(cadata=authority.pem())
    # Each client has connections of its own, as under WSGI; the context is shared.
    for _ in range(3):
        async with RegistryClient(GuardPolicy(allow_private=True), PATIENT, resolver=at_loopback, tls=tls) as client:
            assert (await client.request("GET", f"https://registry.test:{server.port}/")).body == b"ok"
    assert resumed == [False, True, True]
    async with RegistryClient(GuardPolicy(allow_private=True), PATIENT, resolver=at_loopback, tls=tls) as client:
        with pytest.raises(RegistryUnreachable, match="certificate is not trusted"):
            await client.request("GET", f"https://other.test:{server.port}/")


async def test_a_large_answer_comes_whole_over_tls(start_server: StartServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    body = bytes(range(256)) * 12_000

    async def at_loopback(host: str, share: str) -> Sequence[str]:
        return ["127.0.0.1"]

    server_tls = start_server(tls=authority.server_context("large.test"))
    server_tls.answers("/", 200, {}, body)
    tls = authority.client_context()
    async with RegistryClient(GuardPolicy(allow_private=True), PATIENT, resolver=at_loopback, tls=tls) as client:
        for _ in range(2):
            assert (await client.request("GET", f"https://large.test:{server_tls.port}/")).body == body
    assert server_tls.connections == 1


async def test_a_handshake_that_never_ends_is_given_up() -> None:
    limits = ClientLimits(connect_seconds=0.4, total_seconds=20)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with RegistryClient(ANYTHING, limits) as client:
            with pytest.raises(RegistryTimeout, match="did not finish connecting in time"):
                await client.request("GET", f"https://127.0.0.1:{silent.getsockname()[1]}/")
            assert client._pool._open == 0
        accepted, _ = silent.accept()
        with accepted:
            accepted.settimeout(20)
            while accepted.recv(4096):
                pass


def test_a_client_for_one_request_leaves_nothing_behind(server: FaultyServer, recwarn: pytest.WarningsRecorder) -> None:
    """As under WSGI: an event loop for each request, and the end of both right after the answer."""
    server.answers("/", 200, {}, b"ok")

    async def once() -> bytes:
        async with RegistryClient(ANYTHING, PATIENT, tls=NO_CERTIFICATES) as client:
            return (await client.request("GET", server.url + "/")).body

    for _ in range(5):
        assert asyncio.run(once(), debug=True) == b"ok"
    assert server.connections == 5
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]


async def test_a_client_that_is_closed_breaks_off_what_is_under_way(server: FaultyServer) -> None:
    server.on("/", Exchange.hang)
    client = RegistryClient(ANYTHING, PATIENT, tls=NO_CERTIFICATES)
    asked = asyncio.create_task(client.request("GET", server.url + "/"))
    await eventually(lambda: len(server.requests) == 1)
    await client.aclose()
    with pytest.raises((BadResponse, RegistryUnreachable)):
        await asked


async def test_no_field_of_one_answer_is_seen_in_another(client: RegistryClient, server: FaultyServer) -> None:
    def echo(exchange: Exchange) -> None:
        name = exchange.request.path.partition("?")[2]
        exchange.answer(200, {"X-Name": name}, name.encode())

    server.on("/", echo)
    ask = functools.partial(client.request, "GET")
    names = [str(number) for number in range(200)]
    answers = await asyncio.gather(*(ask(f"{server.url}/?{name}") for name in names))
    assert [(answer.headers["x-name"], answer.body.decode()) for answer in answers] == [(name, name) for name in names]

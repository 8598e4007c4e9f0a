"""Registries that misbehave: each way has its error, within the deadline, with a message that gives nothing away."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from routing.registries.client import RegistryClient
from routing.registries.exceptions import (
    BadResponse,
    RegistryError,
    RegistryTimeout,
    RegistryUnreachable,
    ResponseTooLarge,
)
from tests.registries.conftest import ANYTHING, PATIENT
from tests.registries.faulty_server import CHUNK, Behaviour, Exchange, FaultyServer

StartServer = Callable[..., FaultyServer]

TEN_MEGABYTES = b"x" * 10_000_000


def hang_after_headers(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "2"})
    exchange.hang()


def drip_headers(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
    exchange.drip(b"x")


def drip_body(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "1000000"})
    exchange.drip(b"x")


def interim_answers_without_end(exchange: Exchange) -> None:
    while not exchange.server.stopping.wait(0.05):
        exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def endless_headers(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    while not exchange.server.stopping.is_set():
        exchange.send(b"X: " + CHUNK + b"\r\n")


def endless_body(exchange: Exchange) -> None:
    exchange.head(200, {"Connection": "close"})
    exchange.flood()


def endless_chunks(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    while not exchange.server.stopping.is_set():
        exchange.send(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))


def large_manifest(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, TEN_MEGABYTES)


def chunks_cut_short(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    exchange.send(b"5\r\nhello\r\n5\r\nwo")
    exchange.close()


def length_cut_short(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "10"})
    exchange.send(b"hello")
    exchange.close()


def malformed_chunk(exchange: Exchange) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    exchange.send(b"not a length\r\n\r\n")


def reset_in_body(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "10"})
    exchange.send(b"hello")
    exchange.reset()


def another_protocol(exchange: Exchange) -> None:
    exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def switching_protocols(exchange: Exchange) -> None:
    exchange.head(101, {"Upgrade": "websocket", "Connection": "upgrade"})


def two_lengths(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")


@pytest.mark.parametrize(
    "behaviour", [Exchange.hang, hang_after_headers, drip_headers, drip_body, interim_answers_without_end]
)
async def test_slowness_ends_at_the_total_deadline(
    hasty_client: RegistryClient, server: FaultyServer, behaviour: Behaviour
) -> None:
    server.on("/v2/", behaviour)
    started = time.monotonic()
    await expect(RegistryTimeout, "within 0.4 s", hasty_client, server)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (endless_body, ResponseTooLarge, "more than 4194304 bytes"),
        (endless_chunks, ResponseTooLarge, "more than 4194304 bytes"),
        (large_manifest, ResponseTooLarge, "more than 4194304 bytes"),
        (chunks_cut_short, BadResponse, "cut its answer short"),
        (length_cut_short, BadResponse, "cut its answer short"),
        (malformed_chunk, BadResponse, "cut its answer short"),
        (endless_headers, BadResponse, "sent more header fields than this facade takes"),
        (another_protocol, BadResponse, "did not answer in HTTP"),
        (two_lengths, BadResponse, "did not answer in HTTP"),
        (switching_protocols, BadResponse, "did not answer in HTTP"),
        (Exchange.close, BadResponse, "did not answer in HTTP"),
        (Exchange.reset, RegistryUnreachable, "broke the connection off"),
        (reset_in_body, RegistryUnreachable, "broke the connection off"),
    ],
)
async def test_each_fault_has_its_error(
    client: RegistryClient, server: FaultyServer, behaviour: Behaviour, error: type[RegistryError], words: str
) -> None:
    server.on("/v2/", behaviour)
    await expect(error, words, client, server)


async def test_a_large_body_that_is_declared_is_not_read_at_all(client: RegistryClient, server: FaultyServer) -> None:
    def declare(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**9)})
        exchange.hang()

    server.on("/v2/", declare)
    await expect(ResponseTooLarge, "more than", client, server)


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
async def test_an_answer_with_bad_news_is_still_an_answer(
    client: RegistryClient, server: FaultyServer, status: int
) -> None:
    server.answers("/v2/", status, {"Content-Type": "text/html", "Retry-After": "7"}, b"<html>")
    answer = await client.request("GET", server.url + "/v2/")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, b"<html>", "7")


async def test_a_stream_that_stops_is_given_up_after_the_idle_time(server: FaultyServer) -> None:
    def stop_midway(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "10"})
        exchange.send(b"hello")
        exchange.hang()

    server.on("/layer", stop_midway)
    async with (
        RegistryClient(ANYTHING, replace(PATIENT, idle_seconds=1)) as client,
        client.open("GET", server.url + "/layer", streaming=True) as answer,
    ):
        chunks = answer.chunks()
        assert await anext(chunks) == b"hello"
        with pytest.raises(RegistryTimeout, match="whole answer within 1 s"):
            await anext(chunks)


def redirect_and_hang(exchange: Exchange) -> None:
    exchange.head(307, {"Location": "https://cdn.example/", "Content-Length": "20"})
    exchange.hang()


def redirect_and_close(exchange: Exchange) -> None:
    exchange.head(307, {"Location": "https://cdn.example/", "Content-Length": "20"})
    exchange.close()


@pytest.mark.parametrize("behaviour", [redirect_and_hang, redirect_and_close])
async def test_a_body_that_nobody_needs_may_fail_to_come(
    client: RegistryClient, server: FaultyServer, behaviour: Behaviour
) -> None:
    server.on("/blob", behaviour)
    started = time.monotonic()
    answer = await client.request_headers_only("GET", server.url + "/blob")
    assert (answer.status, answer.headers["location"]) == (307, "https://cdn.example/")
    assert time.monotonic() - started < 10


async def test_nobody_there(client: RegistryClient, start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    await expect(RegistryUnreachable, "accepts no connection", client, server)


async def expect(error: type[RegistryError], words: str, client: RegistryClient, server: FaultyServer) -> None:
    """The request fails so, and neither the message nor the traceback repeats what only the two sides may know."""
    with pytest.raises(RegistryError) as caught:
        await client.request("GET", server.url + "/v2/?token=s3cret", headers=[("Authorization", "Bearer s3cret")])
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert caught.value.host in (f"127.0.0.1:{server.port}", "127.0.0.1")
    assert "127.0.0.1" in str(caught.value)
    raised = [line for line in traceback.format_exception(caught.value) if not line.startswith("  File")]
    assert "s3cret" not in "".join(raised)

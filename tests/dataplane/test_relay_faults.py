"""Registries that misbehave: each fault has its clear answer within the deadline (request-handling.md, R14.6, R15.7).

What the registry client makes of each fault is tested in tests/registries; here is what the facade's caller is told.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.registries.client import RegistryClient
from tests.dataplane.facade_client import BLOB, MANIFEST, TAGS, UPSTREAM, FacadeClient, Response
from tests.registries.certificates import Authority
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer

DEADLINE_SECONDS = 1.0
# What a machine may add that is busy with other tests.
SLACK_SECONDS = 15.0
METADATA = "http://169.254.169.254/latest/meta-data/"
TEN_MEGABYTES = b"x" * 10_000_000


def hang_in_body(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "100"})
    exchange.send(b"{")
    exchange.hang()


def drip(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": "1000000"})
    exchange.drip(b"x")


def endless_body(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Type": "application/json", "Connection": "close"})
    exchange.flood()


def large_manifest(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": "application/json"}, TEN_MEGABYTES)


def chunks_cut_short(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    exchange.send(b"5\r\nhello\r\n5\r\nwo")
    exchange.close()


def length_cut_short(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Type": "application/json", "Content-Length": "10"})
    exchange.send(b"hello")
    exchange.close()


def web_page(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Sign in")


def server_error(exchange: Exchange) -> None:
    exchange.answer(500, {"Content-Type": "text/html"}, b"<html>Traceback: secret")


def to_metadata(exchange: Exchange) -> None:
    exchange.answer(307, {"Location": METADATA})


@pytest.mark.parametrize("path", [MANIFEST, TAGS])
@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (Exchange.hang, 504, "did not answer within 1 s"),
        (hang_in_body, 504, "did not send its whole answer within 1 s"),
        (drip, 504, "did not send its whole answer within 1 s"),
        (Exchange.reset, 502, "broke the connection off"),
        (Exchange.close, 502, "did not answer in HTTP"),
        (endless_body, 502, "answered with more than 4194304 bytes"),
        (large_manifest, 502, "answered with more than 4194304 bytes"),
        (chunks_cut_short, 502, "cut its answer short"),
        (length_cut_short, 502, "cut its answer short"),
        (web_page, 502, "the registry answered with a web page"),
        (server_error, 502, "the registry answered with an error of its own (status 500)"),
        (to_metadata, 502, "the registry redirects this request elsewhere"),
    ],
)
async def test_each_fault_of_a_registry_has_its_answer(
    facade_client: FacadeClient,
    server: FaultyServer,
    settings: Settings,
    behaviour: Behaviour,
    status: int,
    words: str,
    path: str,
) -> None:
    if status == 504:
        settings.FACADE_RELAY_SECONDS = DEADLINE_SECONDS
    server.on(UPSTREAM[path], behaviour)
    check(await timed(facade_client, path), status, words)


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (Exchange.hang, 504, "did not answer within 1 s"),
        (Exchange.reset, 502, "broke the connection off"),
        (server_error, 502, "the registry answered with an error of its own (status 500)"),
        (to_metadata, 502, "169.254.169.254 is a link-local or cloud metadata address, which is never allowed"),
    ],
)
async def test_each_fault_at_a_blob_has_its_answer(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, behaviour: Behaviour, status: int, words: str
) -> None:
    if status == 504:
        settings.FACADE_RELAY_SECONDS = DEADLINE_SECONDS
    server.on(UPSTREAM[BLOB], behaviour)
    answer = await timed(facade_client, BLOB)
    assert "location" not in answer.headers
    check(answer, status, words)


async def test_nobody_there(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.stop()
    check(await timed(facade_client, MANIFEST), 502, "accepts no connection")


@pytest.mark.parametrize("path", [MANIFEST, BLOB])
async def test_a_used_up_rate_limit_is_told_as_such(
    facade_client: FacadeClient, server: FaultyServer, path: str
) -> None:
    limit = {"Retry-After": "7", "RateLimit-Remaining": "0;w=21600", "Content-Type": "text/plain"}
    server.answers(UPSTREAM[path], 429, limit, b"slow down")
    answer = await facade_client.request(path)
    assert answer.error == (429, "TOOMANYREQUESTS", "the rate limit of the registry is used up")
    assert (answer.headers["retry-after"], answer.headers["ratelimit-remaining"]) == ("7", "0;w=21600")


async def test_a_registry_under_repair_says_when_to_come_back(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    server.answers(UPSTREAM[MANIFEST], 503, {"Retry-After": "30"}, b"back soon")
    answer = await facade_client.request(MANIFEST)
    assert answer.error == (503, "UNAVAILABLE", "the registry is not available at the moment")
    assert answer.headers["retry-after"] == "30"


@pytest.mark.parametrize("location", ["", "https://[", "ftp://cdn.example/x", "https://user:password@cdn.example/"])
async def test_a_location_that_cannot_be_used(facade_client: FacadeClient, server: FaultyServer, location: str) -> None:
    server.answers(UPSTREAM[BLOB], 307, {"Location": location})
    answer = await facade_client.request(BLOB)
    # Without a Location there is nowhere to send the caller but round in a circle.
    assert "location" not in answer.headers
    check(answer, 502, "redirects")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://cdn.example/layer", "cdn.example is not https"),
        ("https://10.0.0.7/layer", "10.0.0.7 is a private address"),
        ("https://127.0.0.1:8443/layer", "127.0.0.1:8443 is a loopback address"),
        ("https://169.254.169.254/latest", "which is never allowed"),
        ("https://[::1]/layer", "loopback"),
    ],
)
async def test_r15_7_a_location_that_this_deployment_does_not_allow(
    facade_client: FacadeClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    location: str,
    words: str,
) -> None:
    authority = Authority(tmp_path)
    server = FaultyServer(tls=authority.server_context("registry.example"))
    try:
        # A public name, as far as the guard can see, which leads to the server.
        settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
        guarded = functools.partial(_at_loopback, tls=authority.client_context())
        monkeypatch.setattr(client_pool, "RegistryClient", guarded)
        facade_client.map_to(RegistryEntry(f"https://registry.example:{server.port}", "the registry", auth="bearer"))
        server.answers(UPSTREAM[BLOB], 307, {"Location": location})
        answer = await facade_client.request(BLOB)
        assert server.paths() == [UPSTREAM[BLOB]]
        assert "location" not in answer.headers
        check(answer, 502, words)
    finally:
        server.stop()


def _at_loopback(policy: object, *arguments: object, tls: object) -> RegistryClient:
    client = RegistryClient(policy, *arguments, tls=tls)  # type: ignore[arg-type]

    async def allowed_addresses(*_: object) -> list[str]:
        return ["127.0.0.1"]

    client._dialer.allowed_addresses = allowed_addresses  # type: ignore[method-assign, assignment]
    return client


async def test_a_registry_on_an_address_that_is_not_allowed(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
    check(await facade_client.request(MANIFEST), 502, "loopback address; this facade allows public addresses only")
    assert server.requests == []


async def timed(facade_client: FacadeClient, path: str) -> Response:
    started = time.monotonic()
    answer = await facade_client.request(path)
    assert time.monotonic() - started < DEADLINE_SECONDS + SLACK_SECONDS
    return answer


def check(answer: Response, status: int, words: str) -> None:
    """It is that error, with words that a person can act on and nothing that only the two sides may know."""
    assert answer.error[:2] == (status, "UNAVAILABLE")
    assert words in answer.error[2]
    assert b"secret" not in answer.body
    assert b"good-token" not in answer.body
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert relay_limits.under_way == 0

"""Where a blob is, to the byte: the Location that a registry answers is handed on (request-handling.md, R15).

Faults of registries at this are in test_relay_faults.py (R15.7).
"""

from __future__ import annotations

import json

import pytest

from tests.dataplane.conftest import Send
from tests.dataplane.facade_client import BLOB, DIGEST, HOST, PODMAN, TOKEN, UPSTREAM, FacadeClient
from tests.dataplane.http_bytes import body_of, error_of, fields_of, get, message, status_of
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.scripted_registry import ScriptedRegistry
from tests.registries.waiting import eventually

CDN = "https://cdn.example/store/ab?X-Credential=a%2Fb%2Bc%20d&X-Signature=0a"
TO_FACADE = (f"Host: {HOST}", f"User-Agent: {PODMAN}", f"Authorization: {TOKEN[1]}")


def redirect_to(location: str, status: int = 307) -> bytes:
    return message(f"HTTP/1.1 {status} Moved", f"Location: {location}", "Content-Length: 0")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r15_1_the_location_of_a_blob_is_handed_on(
    send: Send, registry: ScriptedRegistry, method: str, status: int
) -> None:
    registry.responses = [redirect_to(CDN, status)]

    response = await send(message(f"{method} {BLOB} HTTP/1.1", *TO_FACADE))

    assert (status_of(response), fields_of(response)["location"], body_of(response)) == (307, CDN, b"")
    assert fields_of(response)["cache-control"] == "no-store"
    (upstream,) = registry.requests
    assert f" {UPSTREAM[BLOB]} ".encode() in upstream
    assert fields_of(upstream)["authorization"] == TOKEN[1]


async def test_r15_2_no_range_goes_upstream(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [redirect_to(CDN)]

    response = await send(get(BLOB, *TO_FACADE, "Range: bytes=5-9"))

    assert fields_of(response)["location"] == CDN
    assert "range" not in fields_of(registry.requests[0])


async def test_r15_3_a_relative_location_is_the_registrys(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [redirect_to("/store/ab?sig=a%2Bb")]

    response = await send(get(f"{BLOB}?ns=x", *TO_FACADE))

    assert fields_of(response)["location"] == f"{registry.url}/store/ab?sig=a%2Bb"


async def test_r15_4_the_body_of_a_blob_is_not_read(facade_client: FacadeClient, server: FaultyServer) -> None:
    flood_ended: list[bool] = []

    def flood(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        try:
            exchange.flood()
        finally:
            flood_ended.append(True)

    server.on(UPSTREAM[BLOB], flood)

    assert (await facade_client.request(BLOB)).status == 403
    await eventually(lambda: bool(flood_ended))
    assert server.sent_bytes < 32 * 1024 * 1024  # What fits into the sockets' buffers.


async def test_r15_5_the_token_goes_to_the_registry_alone(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [redirect_to(f"{registry.url}/store")]

    response = await send(get(BLOB, *TO_FACADE))

    assert TOKEN[1].removeprefix("Bearer ").encode() not in response
    assert len(registry.requests) == 1


async def test_r15_6_an_error_of_the_registry_is_handed_back(send: Send, registry: ScriptedRegistry) -> None:
    unknown = {"code": "BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": {"digest": DIGEST}}
    error = json.dumps({"errors": [unknown]}).encode()
    registry.responses = [message("HTTP/1.1 404 Not Found", "Content-Type: application/json", body=error)]

    response = await send(get(BLOB, *TO_FACADE))

    assert (status_of(response), json.loads(body_of(response))) == (404, {"errors": [unknown]})


async def test_r15_6_a_page_becomes_an_error_of_the_specification(send: Send, registry: ScriptedRegistry) -> None:
    registry.responses = [message("HTTP/1.1 404 Not Found", "Content-Type: text/html", body=b"<html>not here")]

    assert error_of(await send(get(BLOB, *TO_FACADE))) == (404, "BLOB_UNKNOWN", "the registry does not have it")

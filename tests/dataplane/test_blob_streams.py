"""Blobs of a registry that serves them itself: redirected, refused or streamed (request-handling.md, R16)."""

from __future__ import annotations

import gc
from collections.abc import Callable
from unittest import mock

import pytest

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.telemetry.counters import RELAYED_BYTES, STREAMED_BYTES, counters
from routing.dataplane.upstream.credentials import seal
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.dataplane.upstream.streaming_quota import streaming_quota
from tests.dataplane.facade_client import (
    BASIC,
    BLOB,
    BUILDKIT,
    CONTAINERD,
    CRANE,
    DIGEST,
    DOCKER,
    DOCKERD,
    HOST,
    MANIFEST,
    PODMAN,
    TAGS,
    TOKEN,
    UPSTREAM,
    FacadeClient,
)
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.waiting import eventually

INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = b"layer" * 1000


def inline(exchange: Exchange) -> None:
    """A registry that serves blobs itself, ranges included."""
    headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": DIGEST}
    wanted = exchange.request.headers.get("Range")
    if wanted is None:
        exchange.answer(200, headers, LAYER)
        return
    first, last = map(int, wanted.removeprefix("bytes=").split("-"))
    content_range = f"bytes {first}-{last}/{len(LAYER)}"
    exchange.answer(206, {**headers, "Content-Range": content_range}, LAYER[first : last + 1])


NEW_DOCKER = "docker/28.1.1 go/go1.24 containerd-client/2.0.4 storage-driver/overlayfs UpstreamClient(Docker-Client)"


@pytest.mark.parametrize("agent", [CONTAINERD, NEW_DOCKER, "buildkit/v0.20"])
async def test_r16_1_who_takes_a_token_along_is_sent_there(
    facade_client: FacadeClient, server: FaultyServer, agent: str
) -> None:
    server.on(UPSTREAM[BLOB], inline)
    answer = await facade_client.request(BLOB, agent=agent)
    assert (answer.status, answer.headers["location"]) == (307, server.url + UPSTREAM[BLOB])


@pytest.mark.parametrize("agent", [BUILDKIT, DOCKERD, CRANE])
async def test_r16_1_who_takes_anonymous_tokens_is_sent_to_what_is_public(
    facade_client: FacadeClient, server: FaultyServer, agent: str
) -> None:
    server.on(UPSTREAM[BLOB], inline)
    answer = await facade_client.request(BLOB, agent=agent)
    assert (answer.status, answer.headers["location"]) == (307, server.url + UPSTREAM[BLOB])


@pytest.mark.parametrize("agent", [BUILDKIT, DOCKERD, CRANE])
@pytest.mark.parametrize(("auth", "flags"), [(Auth.BEARER, Flag.PRIVATE), (Auth.BASIC, 0), (Auth.UNKNOWN, 0)])
async def test_r16_1_nobody_is_sent_to_a_registry_without_the_credentials_that_it_wants(
    facade_client: FacadeClient, server: FaultyServer, agent: str, auth: Auth, flags: int
) -> None:
    registry = facade_client.registry._replace(auth=auth)
    facade_client.map_to(registry, flags=flags)
    server.on(UPSTREAM[BLOB], inline)
    # Of a registry that isn't known, /token has found out that it asks for Basic.
    token = TOKEN if auth == Auth.BEARER else ("authorization", f"Bearer {seal(BASIC, HOST, registry)}")
    refused = await facade_client.request(BLOB, agent=agent, headers=[token])
    assert refused.error[:2] == (403, "DENIED")
    assert "redirected. containerd (ctr and Kubernetes) can; with this client pull from" in refused.error[2]
    sent = await facade_client.request(BLOB, agent=CONTAINERD, headers=[token])
    assert (sent.status, sent.headers["location"]) == (307, server.url + UPSTREAM[BLOB])
    facade_client.map_to(registry._replace(stream_blobs=True), flags=flags)
    assert (await facade_client.request(BLOB, agent=agent, headers=[token])).body == LAYER


async def test_r16_1_where_no_token_was_needed_everybody_is(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(RegistryEntry(server.url, "the registry"))
    server.answers("/v2/", 200, {}, b"{}")
    server.on(UPSTREAM[BLOB], inline)
    token = (await facade_client.request("/token?scope=repository:team/app:pull", headers=[])).json()["token"]
    answer = await facade_client.request(BLOB, headers=[("authorization", f"Bearer {token}")])
    assert (answer.status, answer.headers["location"]) == (307, server.url + UPSTREAM[BLOB])
    assert "Authorization" not in facade_client.upstream_request.headers


@pytest.mark.parametrize(
    ("agent", "flags", "able"),
    [
        (PODMAN, Flag.PRIVATE, "redirected. containerd (ctr and Kubernetes)"),
        (BUILDKIT, Flag.PRIVATE, "redirected. containerd (ctr and Kubernetes)"),
        # Renamed: docker's ping is answered here. With the same name it ends at the registry.
        (
            DOCKER,
            0,
            "redirected. docker (containerd image store), buildkit (docker build), buildx, regclient (regctl), "
            "crane from 0.21.8 on and containerd (ctr and Kubernetes)",
        ),
        (
            "",
            0,
            "redirected. docker (containerd image store), docker (classic image store), buildkit (docker build), "
            "buildx, regclient (regctl), crane from 0.21.8 on and containerd (ctr and Kubernetes)",
        ),
    ],
)
async def test_r16_2_the_others_are_told_who_can_and_where(
    facade_client: FacadeClient, server: FaultyServer, agent: str, flags: int, able: str
) -> None:
    renamed = bool(flags) or agent == DOCKER
    facade_client.map_to(facade_client.registry, flags=flags, upstream="acme" if renamed else "team")
    path = UPSTREAM[BLOB] if renamed else BLOB
    server.on(path, inline)
    status, code, message = (await facade_client.request(BLOB, agent=agent)).error
    assert (status, code) == (403, "DENIED")
    assert "the registry serves layers itself" in message
    assert f"{able} can; with this client pull from" in message
    assert f"pull from 127.0.0.1:{server.port}/{path.split('/')[2]}/app," in message


@pytest.mark.parametrize("agent", [PODMAN, DOCKER])
async def test_r16_3_a_blob_is_passed_through_where_the_operator_says_so(
    facade_client: FacadeClient, server: FaultyServer, agent: str
) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
    server.on(UPSTREAM[BLOB], inline)
    whole = await facade_client.request(BLOB, agent=agent)
    assert (whole.status, whole.body) == (200, LAYER)
    assert whole.headers["content-length"] == str(len(LAYER))
    assert whole.headers["docker-content-digest"] == DIGEST
    part = await facade_client.request(BLOB, agent=agent, headers=[TOKEN, ("range", "bytes=5-9")])
    assert (part.status, part.body) == (206, LAYER[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(LAYER)}"
    assert relay_limits.under_way == 0


async def test_what_passes_is_counted(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
    server.on(UPSTREAM[BLOB], inline)
    server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": INDEX}, b"12345678")
    before = dict(counters.totals)
    await facade_client.request(BLOB)
    await facade_client.request(BLOB, headers=[TOKEN, ("range", "bytes=5-9")])
    await facade_client.request(MANIFEST)
    await facade_client.request(MANIFEST, method="HEAD")
    await facade_client.request(TAGS)
    grown = {kind: total - before.get(kind, 0) for kind, total in counters.totals.items()}
    assert (grown[STREAMED_BYTES], grown[RELAYED_BYTES]) == (len(LAYER) + 5, 8)


async def test_r16_3_a_stream_is_read_no_faster_than_it_is_taken(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))

    def flood(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        exchange.flood()

    server.on(UPSTREAM[BLOB], flood)
    response = await facade_client.open(BLOB)
    await eventually(server.is_stuck)
    assert server.sent_bytes < 32 * 1024 * 1024
    assert relay_limits.under_way == 1
    await _let_go(response, lambda: not server.serving)
    assert relay_limits.under_way == 0


async def _let_go(response: object, gone: Callable[[], bool]) -> None:
    """Drop a response that was never read to its end, as a server does when its client hangs up."""
    response.streaming_content = iter(())  # type: ignore[attr-defined]
    response._resource_closers.clear()  # type: ignore[attr-defined]
    del response
    gc.collect()
    await eventually(gone)


async def test_r16_5_once_the_month_is_used_up_nothing_more_passes(
    facade_client: FacadeClient, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
    server.on(UPSTREAM[BLOB], inline)
    begun = await facade_client.open(BLOB)
    # The hostname's tenant; docker.globex.com has another.
    monkeypatch.setattr(streaming_quota, "_used_up", frozenset({"1"}))

    status, code, message = (await facade_client.request(BLOB)).error
    assert (status, code) == (403, "DENIED")
    assert "used up until the next one begins (UTC)" in message
    assert f"with this client pull from 127.0.0.1:{server.port}/acme/app" in message
    assert (await facade_client.request(BLOB, host="docker.globex.com")).body == LAYER
    assert (await facade_client.request(BLOB, agent=CONTAINERD)).status == 307
    assert (await facade_client.request(BLOB, method="HEAD")).status == 200
    # Of a registry that redirects, nothing has to pass.
    server.answers(UPSTREAM[BLOB], 307, {"Location": "https://cdn.example/x"})
    assert (await facade_client.request(BLOB)).headers["location"] == "https://cdn.example/x"
    assert b"".join([bytes(part) async for part in begun]) == LAYER
    assert relay_limits.under_way == 0


async def test_what_passes_is_counted_for_its_tenant(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
    server.on(UPSTREAM[BLOB], inline)
    counted: dict[str, int] = {}
    with mock.patch.object(streaming_quota, "_unsettled", counted):
        await facade_client.request(BLOB)
        await facade_client.request(BLOB, headers=[TOKEN, ("range", "bytes=5-9")])
        await facade_client.request(BLOB, host="docker.globex.com")
        await facade_client.request(BLOB, agent=CONTAINERD)
    assert counted == {"1": len(LAYER) + 5, "2": len(LAYER)}


async def test_r16_4_head_of_a_blob_has_its_headers(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[BLOB], 200, {"Content-Length": "12345", "Docker-Content-Digest": DIGEST})
    answer = await facade_client.request(BLOB, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["docker-content-digest"]) == ("12345", DIGEST)

"""Relay, resolve and streaming, against a registry that does what it is told to (docs/request-handling.md, R14 to R16).

Its faults, each with its answer, are in test_relay_faults.py.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from unittest import mock

import pytest
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.telemetry.counters import RELAYED_BYTES, STREAMED_BYTES, counters
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.dataplane.upstream.streaming_quota import streaming_quota
from tests.dataplane.facade_client import (
    BASIC,
    BLOB,
    CONTAINERD,
    DIGEST,
    DOCKER,
    HOST,
    MANIFEST,
    PODMAN,
    REFERRERS,
    TAGS,
    TOKEN,
    UPSTREAM,
    FacadeClient,
)
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.waiting import eventually

INDEX = "application/vnd.oci.image.index.v1+json"
CDN = "https://cdn.example/store/ab?X-Credential=a%2Fb%2Bc%20d&X-Signature=0a"
LAYER = b"layer" * 1000


async def test_r14_1_several_accept_lines_are_joined(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": INDEX}, b"{}")
    await facade_client.request(
        MANIFEST, headers=[TOKEN, ("accept", INDEX), ("accept", "application/json"), ("accept", "*/*")]
    )
    assert facade_client.upstream_request.headers["Accept"].replace(" ", "") == f"{INDEX},application/json,*/*"


async def test_r14_2_what_is_handed_on(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[MANIFEST], 304, {"ETag": '"e"'})
    sent = [TOKEN, ("if-none-match", '"e"'), ("cookie", "session=1"), ("x-forwarded-for", "198.51.100.7")]
    answer = await facade_client.request(f"{MANIFEST}?ns=docker.io", headers=sent)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", '"e"')
    assert facade_client.upstream_request.path == f"{UPSTREAM[MANIFEST]}?ns=docker.io"
    handed_on = {name.lower(): value for name, value in facade_client.upstream_request.headers.items()}
    assert handed_on == {
        "host": server.url.removeprefix("http://"),
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": TOKEN[1],
        "if-none-match": '"e"',
        "user-agent": PODMAN,
    }


async def test_r14_2_an_open_registry_gets_no_token(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    for headers in ([TOKEN], [("authorization", f"Basic {BASIC}")], []):
        assert (await facade_client.request(TAGS, headers=headers)).status == 200
        assert "Authorization" not in facade_client.upstream_request.headers


async def test_r14_2_basic_credentials_are_not_for_a_bearer_registry(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    answer = await facade_client.request(MANIFEST, headers=[("authorization", f"Basic {BASIC}")])
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith(f'Bearer realm="http://{HOST}/token"')
    assert server.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r14_3_what_is_handed_back(facade_client: FacadeClient, server: FaultyServer, method: str) -> None:
    back = {
        "Content-Type": INDEX,
        "Docker-Content-Digest": DIGEST,
        "ETag": f'"{DIGEST}"',
        "OCI-Subject": DIGEST,
        "RateLimit-Limit": "100;w=21600",
        "ratelimit-remaining": "76;w=21600",
        "docker-ratelimit-source": "192.0.2.9",
        "Retry-After": "3",
    }
    kept = {"Set-Cookie": "a=b", "X-Served-By": "machine 7", "Strict-Transport-Security": "max-age=1"}
    server.answers(UPSTREAM[MANIFEST], 200, {**back, **kept}, b'{"manifests":[]}')
    answer = await facade_client.request(MANIFEST, method=method)
    assert answer.status == 200
    assert facade_client.upstream_request.method == method
    assert answer.headers["content-length"] == "16"
    assert answer.body == (b"" if method == "HEAD" else b'{"manifests":[]}')
    assert {name: answer.headers[name.lower()] for name in back} == back
    assert not {name.lower() for name in kept} & answer.headers.keys()
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize("origin", ["", "the registry"])
async def test_r14_4_lists_speak_of_the_facades_name(
    facade_client: FacadeClient, server: FaultyServer, origin: str
) -> None:
    start = server.url if origin else ""
    link = f'<{start}/v2/acme/app/tags/list?last=b&n=2>; rel="next"'
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": ["a", "b"]}, {"Link": link})
    answer = await facade_client.request(f"{TAGS}?n=2")
    assert answer.json() == {"name": "team/app", "tags": ["a", "b"]}
    assert answer.headers["link"] == '</v2/team/app/tags/list?last=b&n=2>; rel="next"'
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert facade_client.upstream_request.path == f"{UPSTREAM[TAGS]}?n=2"


@pytest.mark.parametrize(
    "link", ["<https://elsewhere.example/v2/acme/app/tags/list?n=2>", "</v2/other/app/tags/list>", "</x>", "nonsense"]
)
async def test_r14_4_a_link_to_anywhere_else_is_dropped(
    facade_client: FacadeClient, server: FaultyServer, link: str
) -> None:
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": None}, {"Link": f'{link}; rel="next"'})
    answer = await facade_client.request(TAGS)
    assert answer.status == 200
    assert "link" not in answer.headers


async def test_r14_4_referrers_are_relayed_as_they_are(facade_client: FacadeClient, server: FaultyServer) -> None:
    body = json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST, "size": 1}]}).encode()
    sent = {"Content-Type": INDEX, "OCI-Filters-Applied": "artifactType"}
    server.answers(UPSTREAM[REFERRERS], 200, sent, body)
    answer = await facade_client.request(f"{REFERRERS}?artifactType=a%2Fb")
    assert (answer.body, answer.headers["oci-filters-applied"]) == (body, "artifactType")
    assert facade_client.upstream_request.path == f"{UPSTREAM[REFERRERS]}?artifactType=a%2Fb"


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS])
async def test_r14_5_a_401_has_the_facades_own_challenge(
    facade_client: FacadeClient, server: FaultyServer, path: str
) -> None:
    theirs = (
        f'Bearer realm="{server.url}/realm",service="s",scope="repository:acme/app:pull",error="insufficient_scope"'
    )
    server.answers(UPSTREAM[path], 401, {"WWW-Authenticate": theirs, "Content-Type": "application/json"}, b"{}")
    answer = await facade_client.request(path, host=f"{HOST}:5000")
    assert answer.error[:2] == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="http://{HOST}:5000/token",service="{HOST}",'
        'scope="repository:team/app:pull",error="insufficient_scope"'
    )


async def test_r14_7_a_redirect_of_a_manifest_is_not_followed(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    server.answers(UPSTREAM[MANIFEST], 307, {"Location": f"{server.url}/elsewhere"})
    status, code, message = (await facade_client.request(MANIFEST)).error
    assert (status, code) == (502, "UNAVAILABLE")
    assert "the registry redirects" in message
    assert server.paths() == [UPSTREAM[MANIFEST]]


async def test_r14_8_a_ping_that_the_registry_accepts(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers("/v2/", 200, {"Content-Type": "application/json"}, b'{"what":"ever"}')
    answer = await facade_client.request("/v2/")
    assert (answer.status, answer.body) == (200, b"{}")
    assert facade_client.upstream_request.headers["Authorization"] == TOKEN[1]
    server.answers("/v2/", 401, {"WWW-Authenticate": "Bearer x"})
    refused = await facade_client.request("/v2/")
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == f'Bearer realm="http://{HOST}/token",service="{HOST}"'


@pytest.mark.parametrize("setting", ["FACADE_MAX_RELAYS", "FACADE_MAX_RELAYS_PER_TENANT"])
async def test_r14_9_too_many_relays_at_once(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, setting: str
) -> None:
    setattr(settings, setting, 1)
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    slow = asyncio.create_task(facade_client.request(MANIFEST))
    await eventually(lambda: relay_limits.under_way == 1)

    answer = await facade_client.request(TAGS)
    assert answer.error[:2] == (429, "TOOMANYREQUESTS")
    assert int(answer.headers["retry-after"]) >= 1
    other_tenant = await facade_client.request(TAGS, host="docker.globex.com")
    assert other_tenant.status == (429 if setting == "FACADE_MAX_RELAYS" else 200)

    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert relay_limits.under_way == 0
    assert (await facade_client.request(TAGS)).status == 200


async def test_r14_9_one_registry_does_not_take_all_places(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYS_PER_REGISTRY = 1
    settings.FACADE_CONNECT_SECONDS = 0.2
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    slow = asyncio.create_task(facade_client.request(MANIFEST))
    await eventually(lambda: server.requests != [])

    answer = await facade_client.request(TAGS)
    assert answer.error[:2] == (504, "UNAVAILABLE")
    assert "too many requests to it are under way" in answer.error[2]

    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert (await facade_client.request(TAGS)).status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r15_1_the_location_of_a_blob_is_handed_on(
    facade_client: FacadeClient, server: FaultyServer, method: str, status: int
) -> None:
    server.answers(UPSTREAM[BLOB], status, {"Location": CDN})
    answer = await facade_client.request(BLOB, method=method)
    assert (answer.status, answer.headers["location"], answer.body) == (307, CDN, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert server.paths() == [UPSTREAM[BLOB]]
    assert facade_client.upstream_request.headers["Authorization"] == TOKEN[1]


async def test_r15_2_no_range_goes_upstream(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[BLOB], 307, {"Location": CDN})
    answer = await facade_client.request(BLOB, headers=[TOKEN, ("range", "bytes=5-9")])
    assert answer.headers["location"] == CDN
    assert "Range" not in facade_client.upstream_request.headers


async def test_r15_3_a_relative_location_is_the_registrys(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[BLOB], 307, {"Location": "/store/ab?sig=a%2Bb"})
    answer = await facade_client.request(f"{BLOB}?ns=x")
    assert answer.headers["location"] == f"{server.url}/store/ab?sig=a%2Bb"


async def test_r15_4_the_body_of_a_blob_is_not_read(facade_client: FacadeClient, server: FaultyServer) -> None:
    flood_ended: list[bool] = []

    def flood(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        try:
            exchange.flood()
        finally:
            flood_ended.append(True)

    server.on(UPSTREAM[BLOB], flood)
    answer = await facade_client.request(BLOB)
    assert answer.status == 403
    await eventually(lambda: bool(flood_ended))
    assert server.sent_bytes < 32 * 1024 * 1024  # What fits into the sockets' buffers.


async def test_r15_5_the_token_goes_to_the_registry_alone(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[BLOB], 307, {"Location": f"{server.url}/store"})
    answer = await facade_client.request(BLOB)
    assert TOKEN[1].removeprefix("Bearer ") not in str(answer.headers)
    assert server.paths() == [UPSTREAM[BLOB]]


async def test_r15_6_other_refusals_are_handed_back(facade_client: FacadeClient, server: FaultyServer) -> None:
    theirs = {"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": {"digest": DIGEST}}]}
    server.answers(UPSTREAM[BLOB], 404, {"Content-Type": "application/json"}, json.dumps(theirs).encode())
    answer = await facade_client.request(BLOB)
    assert answer.json() == theirs
    assert answer.status == 404
    server.answers(UPSTREAM[BLOB], 404, {"Content-Type": "text/html"}, b"<html>not here")
    assert (await facade_client.request(BLOB)).error == (404, "BLOB_UNKNOWN", "the registry does not have it")


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
        (PODMAN, Flag.PRIVATE, "containerd and buildkit"),
        (DOCKER, 0, "containerd and buildkit"),
        ("", 0, "docker and containerd"),
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
    assert f"{able} do;" in message
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

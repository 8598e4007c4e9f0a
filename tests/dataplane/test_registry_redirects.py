"""Redirects of registries: followed within the registry, handed on where nothing secret goes along (R14.7, R15.8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from routing.core.table.routing_table import Auth, RegistryEntry
from tests.dataplane.facade_client import (
    BLOB,
    CONTAINERD,
    DIGEST,
    HOST,
    MANIFEST,
    REFERRERS,
    TAGS,
    TOKEN,
    UPSTREAM,
    FacadeClient,
)
from tests.registries.behaviours import ghcr_referrers, harbor_library, redirects, sign_in_page
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.small_registry import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY_INDEX = b'{"schemaVersion":2,"manifests":[]}'
CDN = "https://cdn.example/store/ab?X-Signature=0a"
#: `team` leads to `acme`, where everything of `app` is at `library/app`.
LIBRARY = {path: upstream.replace("/acme/app/", "/acme/library/app/") for path, upstream in UPSTREAM.items()}
OTHER = "127.0.0.1"


@pytest.fixture
def harbor(server: FaultyServer) -> FaultyServer:
    for path in (MANIFEST, BLOB, TAGS, REFERRERS):
        server.on(UPSTREAM[path], harbor_library("acme/app", path.partition("/app/")[2]))
    return server


@pytest.fixture
def other() -> Iterator[FaultyServer]:
    """Another server, to which the registry sends its callers."""
    started = FaultyServer()
    yield started
    started.stop()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r14_7_a_manifest_within_the_registry_is_followed(
    facade_client: FacadeClient, harbor: FaultyServer, method: str
) -> None:
    told = {"Content-Type": INDEX, "Docker-Content-Digest": digest_of(EMPTY_INDEX)}
    harbor.answers(LIBRARY[MANIFEST], 200, told, EMPTY_INDEX)

    answer = await facade_client.request(f"{MANIFEST}?ns=docker.io", method=method, headers=[TOKEN, ("accept", INDEX)])

    assert (answer.status, answer.headers["docker-content-digest"]) == (200, digest_of(EMPTY_INDEX))
    assert answer.headers["content-length"] == str(len(EMPTY_INDEX))
    assert answer.body == (b"" if method == "HEAD" else EMPTY_INDEX)
    assert harbor.paths() == [f"{UPSTREAM[MANIFEST]}?ns=docker.io", f"{LIBRARY[MANIFEST]}?ns=docker.io"]
    assert [asked.headers["Authorization"] for asked in harbor.requests] == [TOKEN[1]] * 2
    assert [asked.headers["Accept"] for asked in harbor.requests] == [INDEX] * 2
    assert {asked.method for asked in harbor.requests} == {method}


async def test_r14_7_so_are_tags_and_their_next_page_is_the_facades(
    facade_client: FacadeClient, harbor: FaultyServer
) -> None:
    link = '</v2/acme/library/app/tags/list?last=b&n=2>; rel="next"'
    harbor.answers_json(LIBRARY[TAGS], {"name": "acme/library/app", "tags": ["a", "b"]}, {"Link": link})

    answer = await facade_client.request(f"{TAGS}?n=2")

    assert answer.json() == {"name": "team/app", "tags": ["a", "b"]}
    assert answer.headers["link"] == '</v2/team/app/tags/list?last=b&n=2>; rel="next"'


async def test_r14_7_so_are_referrers_and_the_ping(facade_client: FacadeClient, harbor: FaultyServer) -> None:
    harbor.answers(LIBRARY[REFERRERS], 200, {"Content-Type": INDEX}, EMPTY_INDEX)
    assert (await facade_client.request(REFERRERS)).body == EMPTY_INDEX
    harbor.on("/v2/", redirects("/base/v2/", 302))
    harbor.answers("/base/v2/", 200, {}, b"{}")
    assert (await facade_client.request("/v2/")).status == 200
    assert harbor.paths()[-2:] == ["/v2/", "/base/v2/"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_r14_7_whatever_the_status_and_absolute_too(
    facade_client: FacadeClient, server: FaultyServer, status: int
) -> None:
    server.on(UPSTREAM[MANIFEST], redirects(f"{server.url}/v2/moved", status))
    server.answers("/v2/moved", 200, {"Content-Type": INDEX}, EMPTY_INDEX)
    assert (await facade_client.request(MANIFEST)).body == EMPTY_INDEX


async def test_r14_7_what_the_last_answer_says_counts(facade_client: FacadeClient, harbor: FaultyServer) -> None:
    harbor.answers(LIBRARY[MANIFEST], 401, {"WWW-Authenticate": 'Bearer realm="https://x/y",error="invalid_token"'})
    refused = await facade_client.request(MANIFEST)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == (
        f'Bearer realm="http://{HOST}/token",service="{HOST}",scope="repository:team/app:pull",error="invalid_token"'
    )
    harbor.answers(LIBRARY[MANIFEST], 429, {"Retry-After": "7"}, b"")
    limited = await facade_client.request(MANIFEST)
    assert (limited.status, limited.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("path", [MANIFEST, TAGS, REFERRERS, BLOB])
async def test_r14_7_three_times_at_most(facade_client: FacadeClient, server: FaultyServer, path: str) -> None:
    server.on(UPSTREAM[path], redirects(UPSTREAM[path]))
    answer = await facade_client.request(path)
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert "round and round" in answer.error[2]
    assert server.paths() == [UPSTREAM[path]] * 4


@pytest.mark.parametrize("path", [MANIFEST, TAGS])
async def test_r14_7_credentials_never_leave_the_registry(
    facade_client: FacadeClient, server: FaultyServer, other: FaultyServer, path: str
) -> None:
    server.on(UPSTREAM[path], redirects(f"{other.url}{UPSTREAM[path]}"))
    status, code, message = (await facade_client.request(path)).error
    assert (status, code) == (502, "UNAVAILABLE")
    assert "the registry redirects this request elsewhere" in message
    assert other.requests == []


async def test_r14_7_nor_by_way_of_the_registry(
    facade_client: FacadeClient, harbor: FaultyServer, other: FaultyServer
) -> None:
    harbor.on(LIBRARY[MANIFEST], redirects(other.url))
    assert (await facade_client.request(MANIFEST)).status == 502
    assert other.requests == []


async def test_r14_7_an_open_registrys_redirect_is_handed_on_as_it_came(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    """registry.k8s.io sends tags to the Artifact Registry nearby (docs/request-handling.md of registry.k8s.io)."""
    facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
    elsewhere = "https://us-west1-docker.pkg.dev/v2/k8s-artifacts-prod/images/acme/app/tags/list"
    server.on(UPSTREAM[TAGS], redirects(elsewhere))
    answer = await facade_client.request(f"{TAGS}?n=5")
    assert (answer.status, answer.headers["location"], answer.body) == (307, f"{elsewhere}?n=5", b"")
    assert "Authorization" not in facade_client.upstream_request.headers


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "ftp://x/y", "//", "http://a:b@c/"])
async def test_r14_7_but_not_to_where_nobody_should_go(
    facade_client: FacadeClient, server: FaultyServer, location: str
) -> None:
    facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
    server.answers(UPSTREAM[TAGS], 307, {"Location": location})
    answer = await facade_client.request(TAGS)
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert "location" not in answer.headers


class TestReferrers:
    """Those that end anywhere but in a list of them are 404 UNSUPPORTED: clients then look under the tag (R14.11)."""

    async def test_ghcrs_web_page(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        server.on(UPSTREAM[REFERRERS], ghcr_referrers("acme/app"))
        answer = await facade_client.request(REFERRERS)
        assert answer.error[:2] == (404, "UNSUPPORTED")
        assert server.paths() == [UPSTREAM[REFERRERS]]

    @pytest.mark.parametrize("within", [True, False])
    async def test_a_page_to_sign_in_at(
        self, facade_client: FacadeClient, server: FaultyServer, other: FaultyServer, within: bool
    ) -> None:
        facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
        place = server if within else other
        server.on(UPSTREAM[REFERRERS], redirects(f"{place.url}/start"))
        place.on("/start", redirects("/signin", 302))
        place.on("/signin", sign_in_page)
        assert (await facade_client.request(REFERRERS)).error[:2] == (404, "UNSUPPORTED")
        assert place.paths()[-1] == "/signin"

    async def test_a_registry_that_has_them(
        self, facade_client: FacadeClient, server: FaultyServer, other: FaultyServer
    ) -> None:
        facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
        server.on(UPSTREAM[REFERRERS], redirects(f"{other.url}/v2/images{UPSTREAM[REFERRERS][3:]}"))
        other.answers(f"/v2/images{UPSTREAM[REFERRERS][3:]}", 200, {"Content-Type": INDEX}, EMPTY_INDEX)
        answer = await facade_client.request(REFERRERS)
        assert answer.status == 307
        assert answer.headers["location"] == f"{other.url}/v2/images{UPSTREAM[REFERRERS][3:]}"
        assert "Authorization" not in other.requests[-1].headers

    async def test_this_facade_is_not_asked(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        facade_client.map_to(RegistryEntry(server.url, "open", auth=Auth.NONE))
        server.on(UPSTREAM[REFERRERS], redirects(f"http://{HOST}{REFERRERS}"))
        assert (await facade_client.request(REFERRERS)).error[:2] == (404, "UNSUPPORTED")


class TestBlobs:
    """A Location that is the registry's API again is asked before anything is handed on (R15.8)."""

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_to_storage_in_the_end(self, facade_client: FacadeClient, harbor: FaultyServer, method: str) -> None:
        harbor.answers(LIBRARY[BLOB], 307, {"Location": CDN})
        answer = await facade_client.request(BLOB, method=method)
        assert (answer.status, answer.headers["location"]) == (307, CDN)
        assert harbor.paths() == [UPSTREAM[BLOB], LIBRARY[BLOB]]
        assert [asked.headers["Authorization"] for asked in harbor.requests] == [TOKEN[1]] * 2

    async def test_served_by_itself_in_the_end(self, facade_client: FacadeClient, harbor: FaultyServer) -> None:
        harbor.answers(LIBRARY[BLOB], 200, {"Docker-Content-Digest": DIGEST}, b"layer")
        refused = await facade_client.request(BLOB)
        assert refused.error[:2] == (403, "DENIED")
        assert "serves layers itself" in refused.error[2]
        sent_there = await facade_client.request(BLOB, agent=CONTAINERD)
        assert (sent_there.status, sent_there.headers["location"]) == (307, harbor.url + UPSTREAM[BLOB])

    async def test_streamed_in_the_end_with_its_range(self, facade_client: FacadeClient, harbor: FaultyServer) -> None:
        def inline(exchange: Exchange) -> None:
            if "Range" in exchange.request.headers:
                exchange.answer(206, {"Content-Range": "bytes 1-2/5"}, b"ay")
            else:
                exchange.answer(200, {}, b"layer")

        facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
        harbor.on(LIBRARY[BLOB], inline)
        assert (await facade_client.request(BLOB)).body == b"layer"
        part = await facade_client.request(BLOB, headers=[TOKEN, ("range", "bytes=1-2")])
        assert (part.status, part.body) == (206, b"ay")

    async def test_not_there_in_the_end(self, facade_client: FacadeClient, harbor: FaultyServer) -> None:
        assert (await facade_client.request(BLOB)).error[:2] == (404, "BLOB_UNKNOWN")

    async def test_storage_at_the_registrys_own_host_is_the_clients_to_go_to(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        server.answers(UPSTREAM[BLOB], 307, {"Location": "/store/ab?sig=a%2Bb"})
        assert (await facade_client.request(BLOB)).headers["location"] == f"{server.url}/store/ab?sig=a%2Bb"
        assert server.paths() == [UPSTREAM[BLOB]]

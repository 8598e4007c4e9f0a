"""What is given from memory, to whom, and how it looks (request-handling.md, R19)."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Change, RegistryEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.remembered.answers import accepts, is_unchanged
from routing.dataplane.remembered.recall import memory
from routing.manifest_store.store import ManifestStore
from tests.dataplane.facade_client import FacadeClient, Lines
from tests.dataplane.remembered.conftest import Clock, Counted, entry_of, is_asking
from tests.dataplane.remembered.public_registry import IMAGE, INDEX, MEMBER, STRANGER, PublicRegistry, manifest
from tests.dataplane.test_metrics import grown, scrape
from tests.registries.faulty_server import Exchange
from tests.registries.small_registry import digest_of
from tests.registries.waiting import eventually

APP, OTHER = manifest("app"), manifest("other")


def path(reference: str, name: str = "app") -> str:
    return f"/v2/team/{name}/manifests/{reference}"


async def body_of(client: FacadeClient, reference: str, *, token: tuple[str, str] = STRANGER) -> bytes | int:
    """What a caller gets: the bytes, or a status."""
    response = await client.request(path(reference), headers=[token])
    return response.body if response.status == 200 else response.status


async def test_r19_1_by_digest_one_request_serves_all(
    facade_client: FacadeClient, server: PublicRegistry, counted: Counted
) -> None:
    digest = server.repository().put(APP)

    answers = [await body_of(facade_client, digest) for _ in range(5)]

    assert answers == [APP] * 5
    assert server.given == {("GET", "acme/app", digest): 1}
    assert counted.answers("digest") == {"fetched": 1, "hit": 4}


async def test_r19_1_nothing_of_the_callers_goes_along(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)
    lines = [STRANGER, ("accept", IMAGE), ("if-none-match", '"x"')]

    await facade_client.request(path(digest), headers=lines, agent="a caller/1.0")

    assert server.requests
    for request in server.requests:
        sent = str(request.headers) + request.path
        assert "nobodys" not in sent
        assert "a caller" not in sent
        assert "If-None-Match" not in request.headers
    asked = [request for request in server.requests if digest in request.path]
    assert all(INDEX in request.headers["Accept"] for request in asked)


async def test_r19_1_a_private_mapping_takes_no_part(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    facade_client.map_to(entry_of(server), flags=Flag.PRIVATE)

    assert await body_of(facade_client, digest) == 401
    assert await body_of(facade_client, digest, token=MEMBER) == APP
    assert server.given["GET", "acme/app", digest] == 2


async def test_r19_1_a_repoint_and_a_switched_off_mapping_hold_at_once(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP

    facade_client.map_to(entry_of(server), upstream="elsewhere")
    assert await body_of(facade_client, digest) == 401

    facade_client.map_to(entry_of(server))
    assert await body_of(facade_client, digest) == APP
    assert live_table.table is not None
    mapped = live_table.table
    disabled = {"registry": "0", "upstream_prefix": "acme", "flags": 0}
    live_table.table = mapped.apply([Change(2, "mapping", "docker.acme.com/team", disabled)])
    assert await body_of(facade_client, digest) == 403
    live_table.table = mapped.apply([Change(2, "tenant", "1", {"name": "Acme", "refusal": "suspended"})])
    assert await body_of(facade_client, digest) == 403
    assert server.gets == 1


async def test_r19_1_without_a_store_everything_is_as_before(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    settings.FACADE_MANIFEST_STORE_BYTES = 0
    digest = server.repository().put(APP)

    assert await body_of(facade_client, digest) == 401
    assert [await body_of(facade_client, digest, token=MEMBER) for _ in range(2)] == [APP] * 2
    assert server.given["GET", "acme/app", digest] == 2


async def test_r19_2_to_know_a_digest_is_not_enough(facade_client: FacadeClient, server: PublicRegistry) -> None:
    """The same manifest is public in one repository and private in another, which its members may read."""
    digest = server.repository().put(APP)
    server.repository("acme/secret").public = False
    server.repository("acme/secret").put(APP)
    assert await body_of(facade_client, digest) == APP

    for name in ("secret", "not-there"):
        response = await facade_client.request(path(digest, name), headers=[STRANGER])
        assert response.status == 401
        assert APP not in response.body
    assert (await facade_client.request(path(digest, "secret"), headers=[MEMBER])).body == APP
    assert (await facade_client.request(path(digest, "secret"), headers=[STRANGER])).status == 401


async def test_r19_2_a_lying_registry_gets_nobody_what_it_never_had(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    """It says of any digest that it is there. The bytes are in the store, from a repository that is private by now."""
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.repository().public = False
    liar = PublicRegistry(now=server.now)
    try:
        head = {"Content-Type": IMAGE, "Docker-Content-Digest": digest}

        def lie(exchange: Exchange) -> None:
            exchange.answer(200, head, b"" if exchange.request.method == "HEAD" else b"{}")

        liar.on(f"/v2/acme/app/manifests/{digest}", lie)
        liar.on("/v2/acme/app/manifests/1.0", lie)
        facade_client.map_to(entry_of(liar))

        for reference in (digest, "1.0"):
            response = await facade_client.request(path(reference), headers=[STRANGER])
            assert APP not in response.body
            assert response.status == 502
    finally:
        liar.stop()


async def test_r19_2_after_its_time_the_registry_is_asked_again_by_head(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP

    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    assert await body_of(facade_client, digest) == APP

    assert server.given == {("GET", "acme/app", digest): 1, ("HEAD", "acme/app", digest): 1}


async def test_r19_2_evidence_that_is_yet_to_come_is_none(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock
) -> None:
    """The machine's clock was put back."""
    digest = server.repository().put(APP, "1.0")
    assert [await body_of(facade_client, each) for each in ("1.0", digest)] == [APP, APP]
    server.repository().public = False

    clock.skip(-7200)
    assert [await body_of(facade_client, each) for each in ("1.0", digest)] == [401, 401]


async def test_r19_2_what_became_private_is_given_no_longer_than_that(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.repository().public = False

    clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.7)
    assert await body_of(facade_client, digest) == APP
    clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.31)
    assert await body_of(facade_client, digest) == 401


async def test_r19_2_what_is_in_use_is_asked_for_in_time_and_nobody_waits(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings, counted: Counted
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    for _ in range(3):
        clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.8)
        heads = server.heads
        assert await body_of(facade_client, digest) == APP
        await eventually(partial(has_asked, server, heads))

    assert counted.answers("digest") == {"fetched": 1, "hit": 3}
    assert server.gets == 1


def has_asked(server: PublicRegistry, heads: int) -> bool:
    return server.heads > heads and not is_asking()


async def test_r19_3_a_tag_is_asked_for_once_in_its_time(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP, "1.0")

    assert [await body_of(facade_client, "1.0") for _ in range(5)] == [APP] * 5
    assert server.given == {("HEAD", "acme/app", "1.0"): 1, ("GET", "acme/app", digest): 1}

    server.repository().put(OTHER, "1.0")
    clock.skip(settings.FACADE_TAG_SECONDS + 0.1)
    assert [await body_of(facade_client, "1.0") for _ in range(5)] == [OTHER] * 5
    assert (server.heads, server.gets) == (2, 2)


async def test_many_pulls_of_one_image_cost_one_get_for_each_manifest_and_a_head_now_and_then(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    """As podman pulls an image for several platforms: the index by its tag, and the image in it by its digest."""
    pulls, times = 200, 4
    settings.FACADE_PUBLIC_SECONDS = 86_400.0
    content = server.repository()
    images = [content.put(manifest(platform)) for platform in ("amd64", "arm64")]
    index = content.put(manifest("index"), "1.0")

    for number in range(pulls):
        if number % (pulls // times) == 0:
            clock.skip(settings.FACADE_TAG_SECONDS + 0.1)
        assert await body_of(facade_client, "1.0") == content.manifests[index]
        assert await body_of(facade_client, images[number % 2]) == content.manifests[images[number % 2]]

    assert {what: count for what, count in server.given.items() if what[0] == "GET"} == {
        ("GET", "acme/app", digest): 1 for digest in (index, *images)
    }
    assert server.given["HEAD", "acme/app", "1.0"] <= times + 1
    assert server.heads == server.given["HEAD", "acme/app", "1.0"]


async def test_r19_3_with_no_time_for_tags_each_asks(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    settings.FACADE_TAG_SECONDS = 0
    server.repository().put(APP, "1.0")
    assert await body_of(facade_client, "1.0") == APP

    server.repository().put(OTHER, "1.0")
    assert await body_of(facade_client, "1.0") == OTHER
    assert server.heads == 2

    server.broken = 503
    answer = await facade_client.request(path("1.0"), headers=[STRANGER])
    assert (answer.status, answer.body, answer.headers["warning"][:4]) == (200, OTHER, "110 ")


@pytest.mark.parametrize("lack", ["has_head", "tells_digests"])
async def test_r19_3_without_a_usable_head_a_tag_is_asked_for_by_get(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings, lack: str
) -> None:
    setattr(server, lack, False)
    digest = server.repository().put(APP, "1.0")
    settings.FACADE_TAG_SECONDS = 100

    assert [await body_of(facade_client, "1.0") for _ in range(3)] == [APP] * 3
    assert server.gets == 1
    clock.skip(101)
    response = await facade_client.request(path("1.0"), headers=[STRANGER])
    assert (response.body, response.headers["docker-content-digest"]) == (APP, digest)
    assert server.gets == 2


@pytest.mark.parametrize("status", [401, 403, 451])
async def test_r19_4_a_refusal_ends_all_that_is_known_of_a_repository(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings, status: int
) -> None:
    content = server.repository()
    digest, other = content.put(APP, "1.0"), content.put(OTHER)
    assert [await body_of(facade_client, each) for each in (digest, other)] == [APP, OTHER]
    server.answers("/v2/acme/app/manifests/1.0", status)
    content.public = False

    await body_of(facade_client, "1.0")

    assert [await body_of(facade_client, each) for each in (digest, other)] == [401, 401]
    # And nobody is asked as nobody for a while.
    asked = len(server.requests)
    assert await body_of(facade_client, digest) == 401
    assert len(server.requests) == asked + 1


async def test_r19_4_what_was_there_and_is_gone_ends_it_too(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    content = server.repository()
    digest = content.put(APP, "1.0")
    assert await body_of(facade_client, "1.0") == APP
    content.tags.clear()
    content.manifests.clear()

    clock.skip(settings.FACADE_TAG_SECONDS + 1)
    assert await body_of(facade_client, "1.0", token=MEMBER) == 404
    assert await body_of(facade_client, digest, token=MEMBER) == 404


async def test_r19_4_what_was_never_there_says_nothing_of_the_rest(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    """Whoever looks for signatures asks for tags that most images don't have."""
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP

    assert await body_of(facade_client, "sha256-abc.sig", token=MEMBER) == 404

    asked = len(server.requests)
    assert await body_of(facade_client, digest) == APP
    assert len(server.requests) == asked


async def test_r19_4_a_caller_that_may_read_a_private_repository_sees_no_difference(
    facade_client: FacadeClient, server: PublicRegistry, counted: Counted
) -> None:
    server.repository().public = False
    digest = server.repository().put(APP, "1.0")

    for reference in ("1.0", digest):
        assert await body_of(facade_client, reference, token=MEMBER) == APP
        assert await body_of(facade_client, reference) == 401
    challenge = (await facade_client.request(path("1.0"), headers=[STRANGER])).headers["www-authenticate"]
    assert 'scope="repository:team/app:pull"' in challenge
    assert counted.answers("digest") == {"passed": 2}


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ([], True),
        (["*/*"], True),
        ([f"{INDEX}, {IMAGE}"], True),
        ([INDEX, IMAGE], True),
        (["application/*;q=0.5"], True),
        (["text/html"], False),
        ([INDEX], False),
        ([f"{IMAGE};q=0, {INDEX}"], False),
    ],
)
async def test_r19_6_who_does_not_take_the_type_asks_by_itself(
    facade_client: FacadeClient, server: PublicRegistry, accept: list[str], takes: bool
) -> None:
    digest = server.repository().put(APP)
    lines: Lines = [MEMBER, *(("accept", line) for line in accept)]

    for _ in range(2):
        assert (await facade_client.request(path(digest), headers=lines)).body == APP

    own = [request for request in server.requests if request.headers.get("Authorization") == MEMBER[1]]
    assert len(own) == (0 if takes else 2)


@pytest.mark.parametrize(("query", "remembered"), [("?ns=docker.io", True), ("?a=b", False)])
async def test_r19_6_a_query_that_nobody_knows_is_the_registrys_business(
    facade_client: FacadeClient, server: PublicRegistry, query: str, remembered: bool
) -> None:
    digest = server.repository().put(APP)

    for _ in range(2):
        response = await facade_client.request(path(digest) + query, headers=[MEMBER])
        assert response.body == APP

    assert server.gets == (1 if remembered else 2)


async def test_r19_6_credentials_that_belong_elsewhere_are_challenged_as_ever(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP

    assert await body_of(facade_client, digest, token=("authorization", "Basic YTpi")) == 401


async def test_r19_7_the_answer_is_the_registrys(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock
) -> None:
    digest = server.repository().put(APP, "1.0")
    told = {"content-type": IMAGE, "docker-content-digest": digest, "etag": f'"{digest}"'}
    first = await facade_client.request(path(digest), headers=[STRANGER])
    clock.skip(100)
    second = await facade_client.request(path(digest), headers=[STRANGER])
    head = await facade_client.request(path(digest), method="HEAD", headers=[STRANGER])

    for response in (first, second, head):
        assert response.status == 200
        assert {name: response.headers.get(name) for name in told} == told
        assert response.headers["content-length"] == str(len(APP))
        assert response.headers["docker-distribution-api-version"] == "registry/2.0"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
    assert "age" not in first.headers
    assert second.headers["age"] == "100"
    assert head.body == b""


async def test_r19_7_limits_of_one_request_are_not_told_with_the_next(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    limits = {"RateLimit-Remaining": "7;w=21600", "Retry-After": "3", "Warning": '199 - "x"', "OCI-Subject": "x"}
    digest = digest_of(APP)
    server.answers(f"/v2/acme/app/manifests/{digest}", 200, {"Content-Type": IMAGE, **limits}, APP)

    await facade_client.request(path(digest), headers=[STRANGER])
    response = await facade_client.request(path(digest), headers=[STRANGER])

    assert response.headers["oci-subject"] == "x"
    assert not {"ratelimit-remaining", "retry-after", "warning"} & response.headers.keys()


async def test_r19_7_who_has_it_already_is_told_so(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP

    for tags, status in ((f'"{digest}"', 304), (f'"x", W/"{digest}"', 304), ("*", 304), ('"x"', 200)):
        response = await facade_client.request(path(digest), headers=[STRANGER, ("if-none-match", tags)])
        assert response.status == status
        assert response.headers["etag"] == f'"{digest}"'
        assert response.body == (b"" if status == 304 else APP)


@pytest.mark.parametrize("media_type", ["text/html", "application/vnd.docker.distribution.manifest.v1+prettyjws"])
async def test_what_has_no_digest_that_holds_is_not_kept(
    facade_client: FacadeClient, server: PublicRegistry, media_type: str
) -> None:
    server.repository().media_type = media_type
    server.repository().put(APP, "1.0")

    statuses = [(await facade_client.request(path("1.0"), headers=[MEMBER])).status for _ in range(2)]

    assert len(set(statuses)) == 1
    own = [request for request in server.requests if request.headers.get("Authorization") == MEMBER[1]]
    assert len(own) == 2


async def test_other_bytes_than_the_digests_are_not_kept(
    facade_client: FacadeClient, server: PublicRegistry, counted: Counted
) -> None:
    digest = digest_of(APP)
    server.answers(f"/v2/acme/app/manifests/{digest}", 200, {"Content-Type": IMAGE}, OTHER)

    assert await body_of(facade_client, digest) == 502
    assert counted["registry_errors", "BadResponse"] == 2


async def test_a_realm_that_is_this_facade_is_not_asked(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = digest_of(APP)
    challenge = 'Bearer realm="http://docker.globex.com/token",service="s"'
    server.answers(f"/v2/acme/app/manifests/{digest}", 401, {"WWW-Authenticate": challenge})

    assert await body_of(facade_client, digest) == 401
    assert not memory.visits.troubles.is_failing(server.url, "GET")


async def test_two_tenants_of_one_registry_ask_it_once(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)

    for host in ("docker.acme.com", "docker.globex.com"):
        assert (await facade_client.request(path(digest), host=host, headers=[STRANGER])).body == APP

    assert server.gets == 1


async def test_each_registry_says_what_its_own_manifests_are(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    digest = server.repository().put(APP)
    other = PublicRegistry(now=server.now)
    try:
        other.repository().media_type = INDEX
        other.repository().put(APP)
        types = []
        for registry in (server, other, server):
            facade_client.map_to(entry_of(registry))
            response = await facade_client.request(path(digest), headers=[STRANGER])
            types.append(response.headers["content-type"])
    finally:
        other.stop()

    assert types == [IMAGE, INDEX, IMAGE]


async def test_a_basic_registry_is_asked_as_nobody_too(facade_client: FacadeClient, server: PublicRegistry) -> None:
    digest = digest_of(APP)
    server.answers(f"/v2/acme/app/manifests/{digest}", 401, {"WWW-Authenticate": "Basic realm=x"})
    facade_client.map_to(RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm"))

    for _ in range(2):
        assert await body_of(facade_client, digest) == 401
    assert [request.headers.get("Authorization") for request in server.requests] == [None, STRANGER[1], STRANGER[1]]


async def test_the_metrics_tell_what_was_spared(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore
) -> None:
    digest = server.repository().put(APP, "1.0")
    before = await asyncio.to_thread(scrape)
    for _ in range(3):
        await body_of(facade_client, "1.0")
        await body_of(facade_client, digest)
    store.settle()
    after = await asyncio.to_thread(scrape)

    assert {name: count for name, count in grown(before, after).items() if "remembered" in name or "anon" in name} == {
        "facade_remembered_manifests_total{by=tag,how=fetched}": 1,
        "facade_remembered_manifests_total{by=tag,how=hit}": 2,
        "facade_remembered_manifests_total{by=digest,how=hit}": 3,
        "facade_remembered_bytes_total": 6 * len(APP),
        "facade_anonymous_requests_total{method=head}": 2,
        "facade_anonymous_requests_total{method=get}": 1,
        "facade_anonymous_requests_total{method=token}": 1,
    }
    assert after["facade_manifest_store_bytes"] > 0


@pytest.mark.parametrize(
    ("accept", "media_type", "expected"),
    [
        ("", "a/b", True),
        ("A/B", "a/b; charset=utf-8", True),
        ("a/c, a/*", "a/b", True),
        ("a/b;q=0", "a/b", False),
        ("a/b;q=0.000", "a/b", False),
        ("a/b;q=0.001", "a/b", True),
        ("b/*", "a/b", False),
        (",,;", "a/b", False),
        ("a/b," * 2000, "a/b", False),
    ],
)
def test_what_a_caller_takes(accept: str, media_type: str, expected: bool) -> None:
    assert accepts(accept, media_type) == expected


@pytest.mark.parametrize(
    ("sent", "etag", "expected"),
    [
        ("", '"a"', False),
        ('"a"', "", False),
        ('"b", "a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ("*", '"a"', True),
        ('"ab"', '"a"', False),
    ],
)
def test_what_a_caller_has(sent: str, etag: str, expected: bool) -> None:
    assert is_unchanged(sent, etag) == expected

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.probes.repository import Delivery, Readable, RepositoryProbe, probe_repository
from tests.registries.conftest import ANYTHING
from tests.registries.faulty_server import CHUNK, Behaviour, Exchange, FaultyServer
from tests.registries.small_registry import TOKEN, SmallRegistry, digest_of

StartServer = Callable[..., FaultyServer]


async def probe(client: RegistryClient, server: FaultyServer, reference: str | None = "1.0") -> RepositoryProbe:
    return await probe_repository(client, server.url, "acme/app", reference)


@pytest.mark.parametrize("auth", ["none", "bearer"])
async def test_a_public_repository_that_redirects_its_blobs(
    client: RegistryClient, server: FaultyServer, start_server: StartServer, auth: str
) -> None:
    storage = start_server()
    SmallRegistry(server, auth=auth).redirect_blobs(storage.url + "/x?sig=s3cret")
    found = await probe(client, server)
    assert (found.public, found.delivery, found.origins) == (Readable.YES, Delivery.REDIRECT, (storage.url,))
    assert found.error is None
    assert storage.connections == 0


@pytest.mark.parametrize("auth", ["none", "bearer"])
async def test_a_public_repository_that_serves_its_blobs_inline(
    client: RegistryClient, server: FaultyServer, auth: str
) -> None:
    SmallRegistry(server, auth=auth)
    found = await probe(client, server)
    assert (found.public, found.delivery, found.origins) == (Readable.YES, Delivery.INLINE, ())


async def test_an_inline_layer_is_not_downloaded(client: RegistryClient, server: FaultyServer) -> None:
    def layer(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        while not exchange.server.stopping.is_set():
            exchange.send(CHUNK)

    registry = SmallRegistry(server)
    server.on(f"/v2/acme/app/blobs/{digest_of(registry.layers[0])}", layer)
    assert (await probe(client, server)).delivery is Delivery.INLINE
    assert server.sent_bytes < 64 * 1024 * 1024


async def test_the_smallest_layer_of_the_common_platform_is_tried(client: RegistryClient, server: FaultyServer) -> None:
    registry = SmallRegistry(server)
    await probe(client, server)
    assert server.paths() == [
        "/v2/acme/app/manifests/1.0",
        f"/v2/acme/app/manifests/{digest_of(registry.image)}",
        f"/v2/acme/app/blobs/{digest_of(registry.layers[0])}",
    ]


async def test_the_anonymous_token_is_asked_for_once(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    await probe(client, server)
    tokens = [request for request in server.requests if request.path.startswith("/token")]
    assert [request.path for request in tokens] == ["/token?service=the%20registry&scope=repository:acme/app:pull"]
    assert "Authorization" not in tokens[0].headers
    assert [request.headers.get("Authorization") for request in server.requests] == [None, None, TOKEN, TOKEN, TOKEN]


async def test_without_a_reference_latest_is_tried_and_then_any_tag(
    client: RegistryClient, server: FaultyServer
) -> None:
    SmallRegistry(server, tags=("nightly", "1.0"))
    assert (await probe(client, server, reference=None)).delivery is Delivery.INLINE
    assert server.paths()[:3] == [
        "/v2/acme/app/manifests/latest",
        "/v2/acme/app/tags/list?n=20",
        "/v2/acme/app/manifests/nightly",
    ]


async def test_a_repository_without_tags_is_public_all_the_same(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, tags=())
    found = await probe(client, server, reference=None)
    assert (found.public, found.delivery) == (Readable.YES, Delivery.UNKNOWN)
    assert "no tags to try" in str(found.error)


async def test_a_private_repository_behind_tokens(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer").public = False
    found = await probe(client, server)
    assert (found.public, found.delivery) == (Readable.NO, Delivery.UNKNOWN)
    assert "gives no token without credentials" in str(found.error)


async def test_a_registry_that_gives_a_token_and_then_refuses_it(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    challenge = {"WWW-Authenticate": f'Bearer realm="{server.url}/token",service="the registry"'}
    server.answers("/v2/acme/app/manifests/1.0", 401, challenge)
    found = await probe(client, server)
    assert found.public is Readable.NO
    assert len(server.requests) == 3


async def test_a_basic_registry_is_not_public(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="basic")
    found = await probe(client, server)
    assert found.public is Readable.NO
    assert "user name and password" in str(found.error)


async def test_a_repository_that_is_not_there(client: RegistryClient, server: FaultyServer) -> None:
    found = await probe_repository(client, server.url, "acme/none", "1.0")
    assert found.public is Readable.UNKNOWN
    assert "no manifest for acme/none" in str(found.error)


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://2852039166/"])
async def test_blobs_that_are_said_to_be_at_a_metadata_address(
    client: RegistryClient, server: FaultyServer, location: str
) -> None:
    SmallRegistry(server).redirect_blobs(location)
    found = await probe(client, server)
    assert (found.public, found.delivery, found.origins) == (Readable.YES, Delivery.UNKNOWN, ())
    assert "never allowed" in str(found.error) or "malformed" in str(found.error)


@pytest.mark.parametrize("location", ["javascript:alert(1)", "https://u:s3cret@h/", "https://h/ü"])
async def test_blobs_that_are_said_to_be_nowhere(client: RegistryClient, server: FaultyServer, location: str) -> None:
    SmallRegistry(server).redirect_blobs(location)
    found = await probe(client, server)
    assert (found.public, found.delivery) == (Readable.YES, Delivery.UNKNOWN)
    assert "malformed" in str(found.error)
    assert "s3cret" not in str(found.error)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"<html>", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "no image with layers"),
        (b'{"layers": 5, "config": "x", "manifests": null}', "no image with layers"),
        (b'{"layers": [1, {"digest": "../../x"}, {"digest": 7}], "config": {}}', "no image with layers"),
        (b"x" * 5_000_000, "more than 4194304 bytes"),
    ],
)
async def test_manifests_that_make_no_sense(
    client: RegistryClient, server: FaultyServer, manifest: bytes, words: str
) -> None:
    server.answers("/v2/acme/app/manifests/1.0", 200, {}, manifest)
    found = await probe(client, server)
    assert found.delivery is Delivery.UNKNOWN
    assert words in str(found.error)


async def test_an_index_that_holds_itself_comes_to_an_end(client: RegistryClient, server: FaultyServer) -> None:
    digest = digest_of(b"itself")
    index = {"manifests": [{"digest": digest, "mediaType": "x/y", "size": "huge"}]}
    server.answers_json("/v2/acme/app/manifests/1.0", index)
    server.answers_json(f"/v2/acme/app/manifests/{digest}", index)
    assert "no image with layers" in str((await probe(client, server)).error)
    assert len(server.requests) < 10


async def test_an_artifact_without_layers_is_tried_by_its_config(client: RegistryClient, server: FaultyServer) -> None:
    config = {"digest": digest_of(b"{}"), "mediaType": "x/y", "size": 2}
    foreign = {"digest": digest_of(b"f"), "urls": ["https://elsewhere.example/"], "size": 1}
    server.answers_json("/v2/acme/app/manifests/1.0", {"layers": [foreign], "config": config})
    server.answers(f"/v2/acme/app/blobs/{digest_of(b'{}')}", 200, {}, b"{}")
    assert (await probe(client, server)).delivery is Delivery.INLINE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}, b"oops"), "realm at 127.0.0.1"),
        ((429, {}, b""), "too many requests"),
        ((302, {"Location": "http://169.254.169.254/"}, b""), "a redirect, which is not followed"),
        ((200, {}, b"<html>"), "did not answer in JSON"),
        ((200, {}, b"[]"), "answered without a token"),
        ((200, {}, b'{"token": 5}'), "answered without a token"),
        ((200, {}, json.dumps({"token": "a\r\nX: y"}).encode()), "answered without a token"),
    ],
)
async def test_realms_that_make_no_sense(
    client: RegistryClient, server: FaultyServer, answer: tuple[int, Mapping[str, str], bytes], words: str
) -> None:
    SmallRegistry(server, auth="bearer")
    server.answers("/token", *answer)
    found = await probe(client, server)
    assert found.public is Readable.UNKNOWN
    assert words in str(found.error)


async def test_a_realm_at_a_metadata_address_is_not_asked(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer").realm = "http://169.254.169.254/token"
    found = await probe(client, server)
    assert found.public is Readable.UNKNOWN
    assert "metadata address, which is never allowed" in str(found.error)


@pytest.mark.parametrize("behaviour", [Exchange.hang, Exchange.reset])
@pytest.mark.parametrize("where", ["/v2/acme/app/manifests/1.0", "/token"])
async def test_a_sick_registry_is_a_result(server: FaultyServer, behaviour: Behaviour, where: str) -> None:
    SmallRegistry(server, auth="bearer")
    server.on(where, behaviour)
    async with RegistryClient(ANYTHING, ClientLimits(connect_seconds=20, total_seconds=0.5)) as client:
        found = await probe(client, server)
    assert found.public is Readable.UNKNOWN
    assert f"127.0.0.1:{server.port}" in str(found.error)


async def test_a_registry_that_is_not_there(client: RegistryClient) -> None:
    for base_url in ("http://127.0.0.1:1", "nonsense", "http://169.254.169.254"):
        found = await probe_repository(client, base_url, "acme/app")
        assert (found.public, found.delivery) == (Readable.UNKNOWN, Delivery.UNKNOWN)
        assert found.error

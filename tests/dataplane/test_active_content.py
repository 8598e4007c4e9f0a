"""What a registry sends is nothing that a browser runs, on any hostname of the facade (R7.9, R14.14)."""

from __future__ import annotations

import pytest

from routing.core.table.mapping_entry import Flag
from routing.dataplane.upstream.media_types import handed_on
from tests.dataplane.facade_client import BLOB, MANIFEST, REFERRERS, TAGS, UPSTREAM, FacadeClient, Response
from tests.registries.faulty_server import Exchange, FaultyServer

UNKNOWN = "application/octet-stream"
SCRIPT = b"<script>document.cookie='sessionid=x; domain=acme.com'</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
ACTIVE = [
    "Text/HTML",
    " text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "application/rss+xml",
    "text/javascript",
    "text/css",
    "text/plain",
    "multipart/x-mixed-replace; boundary=x",
    "application/pdf",
    "text/html+json",
    "application/json, text/html",
    "application/json;a=b, text/html",
    "application/json\ttext/html",
    "application/",
    "nonsense",
    "",
]
JSON_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    # Of docker's signed manifests of the first schema.
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
]


def is_inert(told: Response) -> bool:
    policy = told.headers.get("content-security-policy")
    return (told.headers.get("x-content-type-options"), policy) == ("nosniff", "sandbox; default-src 'none'")


@pytest.mark.parametrize("media_type", ACTIVE)
def test_r14_14_what_is_not_json_is_bytes(media_type: str) -> None:
    assert handed_on(media_type) == UNKNOWN


@pytest.mark.parametrize("media_type", JSON_TYPES)
def test_r14_14_every_type_of_manifest_stays(media_type: str) -> None:
    assert handed_on(media_type) == media_type


def test_r14_14_parameters_are_left_out() -> None:
    assert handed_on("application/json; charset=utf-7") == "application/json"
    assert handed_on("application/vnd.oci.image.index.v1+json ; q=1; charset=utf-8") == (
        "application/vnd.oci.image.index.v1+json"
    )


def serve(server: FaultyServer, media_type: str | None, body: bytes) -> None:
    """Everything that the registry has is this."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    for path in UPSTREAM.values():
        server.on(path, lambda exchange: exchange.answer(200, headers, body))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [MANIFEST, BLOB])
@pytest.mark.parametrize("media_type", [None, "image/svg+xml", "application/xhtml+xml", "text/plain"])
async def test_r7_9_what_a_browser_would_run(
    facade_client: FacadeClient, server: FaultyServer, media_type: str | None, path: str, method: str
) -> None:
    facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
    serve(server, media_type, SVG)

    told = await facade_client.request(path, method=method)

    assert (told.status, told.body) == (200, b"" if method == "HEAD" else SVG)
    assert told.headers["content-type"] == UNKNOWN
    assert is_inert(told)


@pytest.mark.parametrize("media_type", ["text/html", "Text/HTML; charset=utf-8", "TEXT/HTML"])
async def test_r7_9_a_web_page_is_no_manifest(
    facade_client: FacadeClient, server: FaultyServer, media_type: str
) -> None:
    serve(server, media_type, SCRIPT)

    for path in (MANIFEST, TAGS):
        told = await facade_client.request(path)
        assert told.error[:2] == (502, "UNAVAILABLE")
        assert is_inert(told)


async def test_r7_9_a_part_of_a_blob(facade_client: FacadeClient, server: FaultyServer) -> None:
    def part(exchange: Exchange) -> None:
        ranged = "Range" in exchange.request.headers
        more = {"Content-Range": f"bytes 0-{len(SVG) - 1}/{len(SVG)}"} if ranged else {}
        exchange.answer(206 if ranged else 200, {"Content-Type": "image/svg+xml", **more}, SVG)

    facade_client.map_to(facade_client.registry._replace(stream_blobs=True), flags=Flag.PRIVATE)
    server.on(UPSTREAM[BLOB], part)
    told = await facade_client.request(
        BLOB, headers=[("authorization", "Bearer a.good-token"), ("range", f"bytes=0-{len(SVG) - 1}")]
    )

    assert (told.status, told.headers["content-type"], told.body) == (206, UNKNOWN, SVG)
    assert is_inert(told)


async def test_r7_9_lists_words_and_tokens(facade_client: FacadeClient, server: FaultyServer) -> None:
    """Whatever says something that a registry has written."""
    words = b'{"errors":[{"code":"X","message":"<script>1</script>","detail":"<svg>"}]}'
    index = "application/vnd.oci.image.index.v1+json"
    server.answers(UPSTREAM[TAGS], 200, {"Content-Type": "text/xml"}, b'{"name":"acme/app","tags":["<script>"]}')
    server.answers(UPSTREAM[REFERRERS], 200, {"Content-Type": index}, b'{"manifests":[]}')
    server.answers(UPSTREAM[MANIFEST], 404, {"Content-Type": "application/json"}, words)
    server.answers(UPSTREAM[BLOB], 403, {"Content-Type": "application/json"}, words)
    server.answers("/realm", 200, {"Content-Type": "text/html"}, b'{"token":"t","x":"<script>"}')
    server.answers("/v2/", 200, {"Content-Type": "text/html"}, SCRIPT)

    types = {}
    for path in (TAGS, REFERRERS, MANIFEST, BLOB, "/v2/", "/token?scope=repository:team/app:pull", "/v2/other/x/y"):
        told = await facade_client.request(path)
        assert is_inert(told), path
        types[path] = told.headers["content-type"]
    assert types.pop(TAGS) == UNKNOWN
    assert types.pop(REFERRERS) == index
    assert set(types.values()) == {"application/json"}


async def test_r7_9_the_facades_own_words(facade_client: FacadeClient) -> None:
    """A challenge and an error may name what was asked for."""
    for path in ("/v2/team/app/tags/list", "/v2/", "/v2/<script>/x/tags/list"):
        told = await facade_client.request(path, headers=[])
        assert told.status in (400, 401, 404)
        assert is_inert(told)


async def test_r14_14_a_304_says_nothing_of_a_type(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[MANIFEST], 304, {"ETag": '"x"'}, b"")

    told = await facade_client.request(
        MANIFEST, headers=[("authorization", "Bearer a.good-token"), ("if-none-match", '"x"')]
    )

    assert (told.status, "content-type" in told.headers) == (304, False)

"""What a proxy before a registry does: the bytes that a client gets have the digest and length it was told (R14.13)."""

from __future__ import annotations

import gzip
import hashlib
import threading
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest

from routing.dataplane.upstream import manifests
from routing.registries import content_coding
from tests.dataplane.facade_client import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS, TOKEN, UPSTREAM, FacadeClient
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.small_registry import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
BODY = b'{"schemaVersion":2,"manifests":[]}' * 100
TOLD = {"Content-Type": INDEX, "Docker-Content-Digest": digest_of(BODY)}
CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


def of(path: str, digest: str) -> str:
    return path.replace("1.0", digest)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_r14_13_a_manifest_that_was_compressed(
    facade_client: FacadeClient, server: FaultyServer, coding: str, method: str
) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {**TOLD, "Content-Encoding": coding}, CODINGS[coding](BODY))
    answer = await facade_client.request(MANIFEST, method=method)
    assert (answer.status, answer.headers["docker-content-digest"]) == (200, digest_of(BODY))
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.body == (BODY if method == "GET" else b"")
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("coding", CODINGS)
async def test_r14_13_lists_and_refusals_that_were_compressed(
    facade_client: FacadeClient, server: FaultyServer, coding: str
) -> None:
    tags, index = b'{"name":"acme/app","tags":["a"]}', b'{"schemaVersion":2,"manifests":[]}'
    error = b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such thing","detail":null}]}'
    coded = {"Content-Encoding": coding, "Content-Type": "application/json"}
    server.answers(UPSTREAM[TAGS], 200, coded, CODINGS[coding](tags))
    assert (await facade_client.request(TAGS)).json() == {"name": "team/app", "tags": ["a"]}
    server.answers(UPSTREAM[REFERRERS], 200, {**coded, "Content-Type": INDEX}, CODINGS[coding](index))
    assert (await facade_client.request(REFERRERS)).body == index
    server.answers(UPSTREAM[TAGS], 404, coded, CODINGS[coding](error))
    assert (await facade_client.request(TAGS)).error == (404, "NAME_UNKNOWN", "no such thing")


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("zstd", b"\x28\xb5\x2f\xfd", "not asked for (zstd)"),
        ("gzip", BODY, "not in the content coding it names"),
        ("gzip", gzip.compress(BODY)[:-9], "cut its answer short"),
        ("gzip", gzip.compress(bytes(5_000_000)), "more than 4194304 bytes"),
    ],
    ids=["unknown", "another", "cut short", "too large"],
)
async def test_r14_13_a_coding_that_cannot_be_undone(
    facade_client: FacadeClient, server: FaultyServer, coding: str, body: bytes, words: str
) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {**TOLD, "Content-Encoding": coding}, body)
    answer = await facade_client.request(MANIFEST)
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert words in answer.error[2]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (MANIFEST, digest_of(b"other")),
        (MANIFEST, f"sha512:{hashlib.sha512(b'other').hexdigest()}"),
        (of(MANIFEST, DIGEST), ""),
        (of(MANIFEST, DIGEST), digest_of(BODY)),
    ],
)
async def test_r14_13_bytes_of_another_digest_are_not_handed_on(
    facade_client: FacadeClient, server: FaultyServer, path: str, told: str
) -> None:
    upstream = path.replace("/team/", "/acme/")
    server.answers(upstream, 200, {"Content-Type": INDEX, **({"Docker-Content-Digest": told} if told else {})}, BODY)
    answer = await facade_client.request(path)
    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert "other bytes than those of the digest" in answer.error[2]


async def test_r14_13_the_digest_of_a_signed_manifest_is_not_that_of_its_bytes(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    signed = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
    server.answers(UPSTREAM[MANIFEST], 200, {**signed, "Docker-Content-Digest": DIGEST}, BODY)
    answer = await facade_client.request(MANIFEST)
    assert (answer.status, answer.headers["docker-content-digest"]) == (200, DIGEST)


@pytest.mark.parametrize("coding", ["gzip", ""])
async def test_what_takes_long_is_done_beside_the_event_loop(
    facade_client: FacadeClient, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    """The digest of a large manifest, and what a few bytes decode to: everybody else would wait for them."""
    threads: set[int] = set()

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any) -> Any:
            threads.add(threading.get_ident())
            return work(*args)

        return noting

    monkeypatch.setattr(manifests, "_digest", noted(manifests._digest))
    monkeypatch.setattr(content_coding, "decode", noted(content_coding.decode))
    large = BODY * 100
    headers = {"Content-Type": INDEX, "Docker-Content-Digest": digest_of(large)}
    if coding:
        headers["Content-Encoding"] = coding
    server.answers(UPSTREAM[MANIFEST], 200, headers, CODINGS[coding](large) if coding else large)
    answer = await facade_client.request(MANIFEST)

    assert (answer.status, answer.body) == (200, large)
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("left_out", ["Content-Length", "Docker-Content-Digest", "both"])
@pytest.mark.parametrize("reference", ["1.0", digest_of(BODY)])
async def test_r14_13_what_a_head_leaves_out_the_manifest_tells(
    facade_client: FacadeClient, server: FaultyServer, left_out: str, reference: str
) -> None:
    def answer_without(exchange: Exchange) -> None:
        told = {"Content-Type": INDEX, "Content-Length": str(len(BODY)), "Docker-Content-Digest": digest_of(BODY)}
        kept = {
            name: value
            for name, value in told.items()
            if left_out != name and not (left_out == "both" and name != "Content-Type")
        }
        if exchange.request.method == "HEAD":
            exchange.head(200, kept)
        else:
            kept.pop("Content-Length", None)
            exchange.head(200, {**kept, "Transfer-Encoding": "chunked"})
            exchange.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))

    server.on(of(UPSTREAM[MANIFEST], reference), answer_without)
    for method in ("HEAD", "GET"):
        answer = await facade_client.request(of(MANIFEST, reference), method=method, headers=[TOKEN, ("accept", INDEX)])
        assert answer.status == 200
        assert answer.headers["content-length"] == str(len(BODY))
        assert answer.headers["docker-content-digest"] == digest_of(BODY)
        assert answer.headers["content-type"] == INDEX
        assert answer.body == (BODY if method == "GET" else b"")
    assert {asked.headers["Accept"] for asked in server.requests} == {INDEX}


async def test_r14_13_a_whole_head_is_all_that_is_asked(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, TOLD, BODY)
    await facade_client.request(MANIFEST, method="HEAD")
    assert [asked.method for asked in server.requests] == ["HEAD"]


async def test_r14_13_a_body_that_ends_with_its_connection(facade_client: FacadeClient, server: FaultyServer) -> None:
    def without_length(exchange: Exchange) -> None:
        exchange.head(200, {**TOLD, "Connection": "close"})
        exchange.send(BODY)
        exchange.close()

    def cut_short(exchange: Exchange) -> None:
        exchange.head(200, {**TOLD, "Connection": "close"})
        exchange.send(BODY[:-5])
        exchange.close()

    server.on(UPSTREAM[MANIFEST], without_length)
    assert (await facade_client.request(MANIFEST)).headers["content-length"] == str(len(BODY))
    server.on(UPSTREAM[MANIFEST], cut_short)
    assert (await facade_client.request(MANIFEST)).error[:2] == (502, "UNAVAILABLE")


async def test_r14_13_what_a_proxy_has_changed_and_says_so(facade_client: FacadeClient, server: FaultyServer) -> None:
    """203 (RFC 9110 §15.3.4): the digest tells whether it matters."""
    server.answers(UPSTREAM[MANIFEST], 203, TOLD, BODY)
    assert (await facade_client.request(MANIFEST)).body == BODY


class TestStreamedBlobs:
    """A blob that passes through is the blob, whatever it came in."""

    LAYER = b"layer" * 50_000

    @pytest.mark.parametrize("coding", CODINGS)
    @pytest.mark.parametrize("wanted", ["", "bytes=5-9"])
    async def test_one_that_was_compressed(
        self, facade_client: FacadeClient, server: FaultyServer, coding: str, wanted: str
    ) -> None:
        facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
        sent = {"Content-Encoding": coding, "Accept-Ranges": "bytes", "Docker-Content-Digest": digest_of(self.LAYER)}
        server.answers(UPSTREAM[BLOB], 200, sent, CODINGS[coding](self.LAYER))
        answer = await facade_client.request(BLOB, headers=[TOKEN, *([("range", wanted)] if wanted else [])])
        assert (answer.status, answer.body) == (200, self.LAYER)
        assert answer.headers.get("content-length", str(len(self.LAYER))) == str(len(self.LAYER))
        assert "accept-ranges" not in answer.headers
        head = await facade_client.request(BLOB, method="HEAD")
        assert head.status == 200
        assert head.headers.get("content-length", "0") in ("0", str(len(self.LAYER)))

    async def test_a_part_of_one_that_is_compressed_only_then(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        def inline(exchange: Exchange) -> None:
            if "Range" in exchange.request.headers:
                exchange.answer(206, {"Content-Encoding": "gzip", "Content-Range": "bytes 5-9/99"}, b"\x1f\x8bxyz")
            else:
                exchange.answer(200, {}, self.LAYER)

        facade_client.map_to(facade_client.registry._replace(stream_blobs=True))
        server.on(UPSTREAM[BLOB], inline)
        answer = await facade_client.request(BLOB, headers=[TOKEN, ("range", "bytes=5-9")])
        assert answer.error[:2] == (502, "UNAVAILABLE")

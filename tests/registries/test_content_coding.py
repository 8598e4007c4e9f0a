"""Content codings that nobody asked for are undone, within bounds; what cannot be undone is said to be so."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib

import brotli
import pytest

from routing.registries.client import RegistryClient
from routing.registries.content_coding import codings_of, decode, plain_chunks, read_plain
from routing.registries.exceptions import BadResponse, ResponseTooLarge
from tests.cpu_time import at_most
from tests.registries.faulty_server import FaultyServer

BODY = b'{"manifests":[]}' * 20_000 + random.Random(7).randbytes(100_000)
LIMIT = 4 * 1024 * 1024


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


CODED = {
    "gzip": gzip.compress(BODY, mtime=0),
    "x-gzip": gzip.compress(BODY[:1000]) + gzip.compress(BODY[1000:]),
    "deflate": zlib.compress(BODY),
    "Deflate": raw_deflate(BODY),
    "br": brotli.compress(BODY, quality=3),
    "gzip, br": brotli.compress(gzip.compress(BODY), quality=3),
    "identity": BODY,
    "utf-8": BODY,
    "": BODY,
}


@pytest.mark.parametrize("coding", CODED)
def test_every_coding_is_undone(coding: str) -> None:
    assert decode(CODED[coding], {"content-encoding": coding}, LIMIT, "h") == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_an_empty_body_stays_empty(coding: str) -> None:
    assert decode(b"", {"content-encoding": coding}, LIMIT, "h") == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_body_that_unfolds_beyond_the_limit_is_refused(coding: str) -> None:
    huge = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[coding](bytes(50_000_000))
    with pytest.raises(ResponseTooLarge):
        decode(huge, {"content-encoding": coding}, LIMIT, "h")


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("gzip", CODED["gzip"][:-10], "h cut its answer short"),
        ("br", CODED["br"][:-10], "h cut its answer short"),
        ("gzip", b'{"not":"compressed"}', "not in the content coding"),
        ("br", b'{"not":"compressed"}', "not in the content coding"),
        ("zstd", b"\x28\xb5\x2f\xfd", "a content coding that was not asked for (zstd)"),
    ],
    ids=["gzip cut short", "br cut short", "no gzip", "no br", "unknown"],
)
def test_what_cannot_be_undone_is_said_to_be_so(coding: str, body: bytes, words: str) -> None:
    with pytest.raises(BadResponse) as caught:
        decode(body, {"content-encoding": coding}, LIMIT, "h")
    assert words in str(caught.value)


def empty_blocks(length: int) -> bytes:
    """Stored blocks of nothing (RFC 1951 §3.2.4)."""
    return gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * (length // 5)


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("gzip", gzip.compress(b"") * 10_000, "not in the content coding"),
        ("deflate", b"\x03\x00" * 100_000, "not in the content coding"),
        ("gzip, gzip", gzip.compress(empty_blocks(40_000_000), 1), "more than 4194304 bytes"),
        ("gzip, br", brotli.compress(empty_blocks(40_000_000), quality=1), "more than 4194304 bytes"),
        (", ".join(["gzip"] * 500), b"", "more than 2 content codings"),
    ],
    ids=["empty gzip members", "empty deflate streams", "empty blocks, twice", "empty blocks in br", "many codings"],
)
def test_what_costs_much_and_holds_nothing_is_refused_at_once(coding: str, body: bytes, words: str) -> None:
    with at_most(0.3), pytest.raises((BadResponse, ResponseTooLarge)) as caught:
        decode(body, {"content-encoding": coding}, LIMIT, "h")
    assert words in str(caught.value)


def test_members_that_hold_something_may_be_many() -> None:
    body = b"".join(gzip.compress(BODY[start : start + 2048], 1) for start in range(0, len(BODY), 2048)) * 5
    assert decode(body, {"content-encoding": "gzip"}, LIMIT, "h") == BODY * 5


async def test_others_have_their_turn_while_nothing_comes_of_a_stream(
    client: RegistryClient, server: FaultyServer
) -> None:
    body = gzip.compress(empty_blocks(20_000_000), 1)
    server.answers("/x", 200, {"Content-Encoding": "gzip, gzip"}, body)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    async with client.open("GET", f"{server.url}/x") as answer:
        before = turns
        with pytest.raises(BadResponse):
            async for _part in plain_chunks(answer):
                pass
    other.cancel()
    assert turns - before > 100


def test_codings_are_read_in_their_order() -> None:
    assert codings_of({"content-encoding": "GZIP , identity,br"}) == ("gzip", "br")


@pytest.mark.parametrize("coding", CODED)
async def test_over_a_socket_whole_and_in_parts(client: RegistryClient, server: FaultyServer, coding: str) -> None:
    server.answers("/x", 200, {"Content-Encoding": coding} if coding else {}, CODED[coding])
    async with client.open("GET", f"{server.url}/x") as answer:
        assert await read_plain(answer, LIMIT) == BODY
    async with client.open("GET", f"{server.url}/x") as answer:
        assert b"".join([part async for part in plain_chunks(answer)]) == BODY

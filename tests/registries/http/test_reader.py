"""From bytes to an answer: at every split, with bad framing, against h11, and against bytes that mean nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.registries.http.reader import FramingError, ResponseReader
from tests.cpu_time import at_most
from tests.registries.http.messages import CHUNKED, HEAD, Read, every_split, messages, ours, read, theirs

WHOLE = {
    "length": (HEAD + b"Content-Length: 3\r\nX: a\r\n\r\nabc", "GET", b"abc", True),
    "no length, nothing": (HEAD + b"\r\n", "GET", b"", False),
    "until it closes": (HEAD + b"X: y\r\n\r\nabc", "GET", b"abc", False),
    "version 1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", "GET", b"abc", False),
    "chunks": (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "GET", b"abcde", True),
    "chunks and a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\nLength: 7\r\n\r\n", "GET", b"abc", True),
    "told to close": (HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\na", "GET", b"a", False),
    "an offer of another protocol": (
        HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\na",
        "GET",
        b"a",
        True,
    ),
    "HEAD": (HEAD + b"Content-Length: 3\r\n\r\n", "HEAD", b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not\r\nContent-Length: 3\r\n\r\n", "GET", b"", True),
    "204 with chunks": (b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", b"", True),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 Early\r\nLink: <a>\r\n\r\n"
        + HEAD
        + b"Content-Length: 3\r\n\r\nabc",
        "GET",
        b"abc",
        True,
    ),
    "an interim status that nobody knows": (
        b"HTTP/1.1 199 X\r\n\r\n" + HEAD + b"Content-Length: 3\r\n\r\nabc",
        "GET",
        b"abc",
        True,
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_the_same_however_its_bytes_arrive(name: str) -> None:
    data, method, body, _ = WHOLE[name]
    once = read([data], method)[0]
    assert once.body == body
    for pieces in every_split(data):
        assert read(pieces, method)[0] == once


@pytest.mark.parametrize("name", WHOLE)
def test_the_connection_may_go_on_only_where_the_end_is_certain(name: str) -> None:
    data, method, _, keeps = WHOLE[name]
    reader = ResponseReader(method)
    reader.feed(data)
    assert reader.complete == (name not in ("no length, nothing", "until it closes"))
    assert reader.keep_alive is keeps


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_that_is_cut_short_is_none(name: str) -> None:
    data, method, _, _ = WHOLE[name]
    lasts_until_close = ours(data[: len(data) - 1], method) is not None
    for end in range(len(data)):
        if lasts_until_close and data[:end].endswith((b"\r\n\r\n", b"a", b"ab")):
            continue
        with pytest.raises(FramingError):
            read([data[:end]], method)


@pytest.mark.parametrize("name", [name for name in WHOLE if WHOLE[name][3]])
@pytest.mark.parametrize("more", [b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00", b"0\r\n\r\n"])
def test_bytes_behind_an_answer_end_the_connection_and_change_nothing(name: str, more: bytes) -> None:
    data, method, _, _ = WHOLE[name]
    expected = read([data], method)[0]
    for pieces in ([data + more], [data, more]):
        told, reader = read(pieces, method)
        assert told == expected
        assert not reader.keep_alive


HTTP, SHORT = "did not answer in HTTP", "cut its answer short"
BAD = {
    "nothing": (b"", HTTP),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", HTTP),
    "a protocol that looks alike": (b"RTSP/1.0 200 OK\r\n\r\n", HTTP),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\n\r\n", HTTP),
    "HTTP/2.0 behind an interim answer": (b"HTTP/1.1 103 E\r\n\r\nHTTP/2.0 200 OK\r\n\r\n", HTTP),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", HTTP),
    "a status of two digits": (b"HTTP/1.1 99 X\r\n\r\n", HTTP),
    "another protocol, as if asked for": (b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", HTTP),
    "no colon": (HEAD + b"nonsense\r\n\r\n", HTTP),
    "a blank before the colon": (HEAD + b"X : a\r\n\r\n", HTTP),
    "a folded line": (HEAD + b"X: a\r\n b\r\n\r\n", HTTP),
    "lines without CR": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", HTTP),
    "a NUL in a value": (HEAD + b"X: a\x00\r\n\r\n", HTTP),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", HTTP),
    "one length twice": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", HTTP),
    "a signed length": (HEAD + b"Content-Length: +1\r\n\r\nx", HTTP),
    "a length beyond all numbers": (HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nx", HTTP),
    "a length beside chunks": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", HTTP),
    "chunks twice": (HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", HTTP),
    "another transfer coding": (HEAD + b"Transfer-Encoding: gzip\r\n\r\nx", HTTP),
    "a coding before the chunks": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", HTTP),
    "a chunk of no length": (CHUNKED + b"x\r\n\r\n", SHORT),
    "a chunk of negative length": (CHUNKED + b"-1\r\nx\r\n0\r\n\r\n", SHORT),
    "a chunk longer than it says": (CHUNKED + b"1\r\nxy\r\n0\r\n\r\n", SHORT),
    "a chunk beyond all numbers": (CHUNKED + b"f" * 17 + b"\r\nx", SHORT),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bad_framing_is_refused_however_it_arrives(name: str, method: str) -> None:
    data, words = BAD[name]
    if method == "HEAD" and words == SHORT:
        # There is no body to be read.
        assert ours(data, method) == ours(CHUNKED, method)
        return
    for pieces in every_split(data):
        with pytest.raises(FramingError, match=words):
            read(pieces, method)


@given(messages(), st.sampled_from(["GET", "HEAD"]))
@settings(max_examples=500, deadline=None)
def test_what_is_taken_h11_takes_and_reads_alike(data: bytes, method: str) -> None:
    own = ours(data, method)
    assert own is None or own == theirs(data, method)


@pytest.mark.parametrize("name", WHOLE)
def test_h11_takes_what_is_taken_here(name: str) -> None:
    data, method, _, _ = WHOLE[name]
    assert ours(data, method) == theirs(data, method)


# RFC 9112 lets a gateway refuse each of these; h11 mends them. Whoever takes one more of them in changes this list.
MENDED_BY_H11 = [
    "a folded line",
    "lines without CR",
    "one length twice",
    "a length beside chunks",
    "HTTP/2.0",
    "HTTP/2.0 behind an interim answer",
]


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_h11_refuses_too_but_for_these(name: str) -> None:
    assert (theirs(BAD[name][0], "GET") is not None) == (name in MENDED_BY_H11)


@given(st.binary(max_size=300), st.sampled_from([b"", HEAD, CHUNKED, HEAD + b"X: "]), st.integers(1, 40))
@settings(deadline=None)
def test_bytes_that_mean_nothing_raise_nothing_else(noise: bytes, start: bytes, piece: int) -> None:
    data = start + noise
    with suppress(FramingError):
        assert read([data[position : position + piece] for position in range(0, len(data), piece)])[0].status >= 200


def test_a_field_keeps_its_bytes() -> None:
    told = ours(HEAD + "X: ü ☃\r\n\r\n".encode(), "GET")
    assert told == Read(200, [("x", "ü ☃".encode().decode("latin-1"))], b"")


GREEDY = {
    "a head without end": ([HEAD, *[b"X: " + b"y" * 1000 + b"\r\n"] * 100], "header fields"),
    "one field without end": ([HEAD + b"X: ", *[b"y" * 1000] * 100], "header fields"),
    "one name without end": ([HEAD, *[b"y" * 1000] * 100], "header fields|HTTP"),
    "a reason without end": ([b"HTTP/1.1 200 ", *[b"y" * 1000] * 100], "header fields"),
    "a head in one read": ([HEAD + b"X: " + b"y" * 100_000], "header fields"),
    "many fields": ([HEAD, b"X: y\r\n" * 200], "header fields"),
    "fields byte by byte": ([HEAD, b"X: ", *[b"y"] * 5000], "header fields"),
    "interim answers": ([b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9], "1xx"),
    "interim answers one by one": ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 9, "1xx"),
    "one-byte chunks": ([CHUNKED, *[b"1\r\nx\r\n" * 1000] * 20], "too small"),
    "one byte a read": ([CHUNKED + b"4000\r\n", *[b"x"] * 5000], "too small"),
    "a chunk's extension without end": ([CHUNKED + b"1;x=", *[b"y" * 1000] * 100], "around the body"),
    "chunks that are mostly extension": (
        [CHUNKED, *[b"20;" + b"y" * 99 + b"\r\n" + b"x" * 32 + b"\r\n"] * 2000],
        "around the body",
    ),
    "a trailer without end": ([CHUNKED + b"1\r\nx\r\n0\r\nX: ", *[b"y" * 1000] * 100], "around the body"),
    "a trailer of many fields": ([CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 200], "header fields"),
    "a trailer byte by byte": ([CHUNKED + b"1\r\nx\r\n0\r\nX: ", *[b"y"] * 5000], "too small"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_whatever_the_other_side_makes_grow_has_a_bound(name: str) -> None:
    pieces, words = GREEDY[name]
    with pytest.raises(FramingError, match=words):
        read(pieces)


def test_what_registries_send_is_within_the_bounds() -> None:
    fields = b"".join(b"X-Field-%d: %s\r\n" % (number, b"v" * 200) for number in range(100))
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    told, reader = read([HEAD + fields + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 1000, b"0\r\n\r\n"])
    assert len(told.body) == 4_096_000
    assert reader.keep_alive
    short = [CHUNKED, *[b"5\r\nhello\r\n"] * 1000, b"0\r\n\r\n"]
    assert read(short)[0].body == b"hello" * 1000


def test_one_byte_chunks_are_refused_before_they_cost_much() -> None:
    """A fast line brings megabytes of them a second, and each costs Python a microsecond or more."""
    reader = ResponseReader("GET")
    reader.feed(CHUNKED)
    flood = b"1\r\nx\r\n" * 40_000
    with at_most(0.2), pytest.raises(FramingError, match="too small"):
        reader.feed(flood)
    assert reader.queued < 10_000

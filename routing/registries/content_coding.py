"""Content codings (RFC 9110 §8.4) that somebody before a registry put on an answer, though nobody asked for any.

The facade asks for `identity`. Proxies that compress all JSON do it all the same, and a digest is that of the plain
bytes (OCI image spec, "Digests"): what is handed on, read or compared has the coding undone.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Protocol

import brotli

from routing.registries.client import RegistryResponse
from routing.registries.exceptions import BadResponse, ResponseTooLarge
from routing.registries.open_response import OpenRegistryResponse
from routing.registries.url import parse_registry_url

# How much comes out of a decoder at once, however much a few bytes may stand for.
_PART_BYTES = 64 * 1024
# How much goes in at once: zlib copies what it has not read yet, at the end of each gzip member.
_FED_BYTES = 16 * 1024
# A few bytes make a member, and each costs a decoder of its own. More than these have to hold so much on average.
_FREE_MEMBERS, _BYTES_PER_MEMBER = 256, 1024
# Each coding multiplies what a few bytes stand for. Nobody puts on more than two.
_MAX_CODINGS = 2
_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# Registered codings (IANA, HTTP Content Coding Registry) that are not undone here.
_UNDECODABLE = frozenset({"zstd", "dcz", "dcb", "compress", "x-compress", "exi", "pack200-gzip", "aes128gcm"})


class _Decoder(Protocol):
    """Undoes one coding, part by part. Both raise `ValueError` for what is not in it."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def end(self) -> None: ...


class _Inflate:
    """gzip and deflate. Of deflate both readings are in use: RFC 9110's, with the header of zlib, and without."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._zlib: zlib._Decompress | None = None
        self._members = self._decoded_bytes = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _FED_BYTES):
            yield from self._feed(data[start : start + _FED_BYTES])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._zlib is None or self._zlib.eof:
                self._zlib = self._next_member(data)
            is_full = True
            while is_full or data:
                try:
                    part = self._zlib.decompress(data, _PART_BYTES)
                except zlib.error as error:
                    raise ValueError(str(error)) from None
                is_full = len(part) == _PART_BYTES
                self._decoded_bytes += len(part)
                yield part
                data = self._zlib.unconsumed_tail
                if self._zlib.eof:
                    break
            data = self._zlib.unused_data if self._zlib.eof else b""

    def _next_member(self, data: bytes) -> zlib._Decompress:
        """gzip files may follow one another (RFC 1952 §2.2)."""
        self._members += 1
        if self._members > _FREE_MEMBERS + self._decoded_bytes // _BYTES_PER_MEMBER:
            raise ValueError("too many members that hold next to nothing")
        has_header = data[0] & 0x0F == zlib.DEFLATED
        return zlib.decompressobj(_GZIP if self._gzip else _ZLIB if has_header else _RAW_DEFLATE)

    def end(self) -> None:
        if self._zlib is not None and not self._zlib.eof:
            raise ValueError("cut short")


class _Brotli:
    """br (RFC 7932)."""

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._is_empty = self._is_empty and not data
        try:
            part = self._brotli.process(data, output_buffer_limit=_PART_BYTES)
            while part or not self._brotli.can_accept_more_data():
                yield part
                part = self._brotli.process(b"", output_buffer_limit=_PART_BYTES)
        except brotli.error as error:
            raise ValueError(str(error)) from None

    def end(self) -> None:
        if not self._is_empty and not self._brotli.is_finished():
            raise ValueError("cut short")


class _TooMuch(Exception):
    """More bytes than may come of an answer."""


class _Bounded:
    """A decoder of whose output so many bytes are taken: the next one has to read them, whatever is left of them."""

    def __init__(self, decoder: _Decoder, max_bytes: int) -> None:
        self._decoder = decoder
        self._left_bytes = max_bytes

    def feed(self, data: bytes) -> Iterator[bytes]:
        for part in self._decoder.feed(data):
            self._left_bytes -= len(part)
            if self._left_bytes < 0:
                raise _TooMuch
            yield part

    def end(self) -> None:
        self._decoder.end()


_DECODERS: Mapping[str, Callable[[], _Decoder]] = {
    "gzip": partial(_Inflate, gzip=True),
    "x-gzip": partial(_Inflate, gzip=True),
    "deflate": partial(_Inflate, gzip=False),
    "br": _Brotli,
}


def codings_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The codings of an answer in the order in which they were applied. `identity` and made-up names are none."""
    told = headers.get("content-encoding")
    if not told:
        return ()
    names = [name.strip().lower() for name in told.split(",")]
    return tuple(name for name in names if name in _DECODERS or name in _UNDECODABLE)


async def plain_chunks(answer: OpenRegistryResponse) -> AsyncGenerator[bytes, None]:
    """The body as it comes, with its codings undone. Raises `BadResponse`, and as `chunks` does."""
    host = parse_registry_url(answer.url).authority
    decoders = _decoders(codings_of(answer.headers), host)
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            for part in _fed(decoders, chunk, host):
                if part:
                    yield part
                else:
                    # Much may be decoded of which nothing is left: others have their turn meanwhile.
                    await asyncio.sleep(0)
    _end(decoders, host)


async def read_plain(answer: OpenRegistryResponse, max_bytes: int) -> bytes:
    """The whole body with its codings undone, of at most `max_bytes` before and after.

    Raises `ResponseTooLarge`, `BadResponse`, and as `read` does.
    """
    if not codings_of(answer.headers):
        return await answer.read(max_bytes)
    coded = await answer.read(max_bytes)
    # On a thread: however few bytes came, what they stand for takes milliseconds, for which everybody else would wait.
    host = parse_registry_url(answer.url).authority
    body = await asyncio.to_thread(decode, coded, answer.headers, max_bytes, host)
    answer.hold(len(body))
    return body


def plain(answer: RegistryResponse, max_bytes: int) -> RegistryResponse:
    """A complete answer with its codings undone. Raises `ResponseTooLarge`, `BadResponse`."""
    if not codings_of(answer.headers):
        return answer
    return replace(
        answer, body=decode(answer.body, answer.headers, max_bytes, parse_registry_url(answer.url).authority)
    )


def decode(body: bytes, headers: Mapping[str, str], max_bytes: int, host: str) -> bytes:
    """A body with its codings undone. Raises `ResponseTooLarge`, `BadResponse`; both name `host`."""
    decoders = [_Bounded(decoder, max_bytes) for decoder in _decoders(codings_of(headers), host)]
    try:
        decoded = b"".join(_fed(decoders, body, host))
    except _TooMuch:
        raise ResponseTooLarge(host, f"{host} answered with more than {max_bytes} bytes") from None
    _end(decoders, host)
    return decoded


def _decoders(codings: tuple[str, ...], host: str) -> list[_Decoder]:
    unknown = next((coding for coding in codings if coding not in _DECODERS), None)
    if unknown is not None:
        raise BadResponse(host, f"{host} answered in a content coding that was not asked for ({unknown})")
    if len(codings) > _MAX_CODINGS:
        raise BadResponse(host, f"{host} answered in more than {_MAX_CODINGS} content codings on top of each other")
    # What was put on last comes off first.
    return [_DECODERS[coding]() for coding in reversed(codings)]


def _fed(decoders: Sequence[_Decoder], data: bytes, host: str) -> Iterator[bytes]:
    """What comes of the data; empty parts where a while went by in which nothing came."""
    if not decoders:
        yield data
        return
    try:
        for part in decoders[0].feed(data):
            if part:
                yield from _fed(decoders[1:], part, host)
            yield b""
    except ValueError:
        raise BadResponse(host, f"{host} answered with a body that is not in the content coding it names") from None


def _end(decoders: Sequence[_Decoder], host: str) -> None:
    try:
        for decoder in decoders:
            decoder.end()
    except ValueError:
        raise BadResponse(host, f"{host} cut its answer short") from None

"""An answer of a registry whose body is still to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from routing.registries.exception_mapping import FAILURES, as_registry_error
from routing.registries.exceptions import RegistryError, ResponseTooLarge
from routing.registries.http.connection import Connection
from routing.registries.http.headers import Headers
from routing.registries.http.reader import ResponseReader
from routing.registries.url import RegistryUrl

# An answer that only points elsewhere has a short body, if any. Reading one of at most this size keeps its connection
# (and a TLS handshake) for the next request; it gets this long to come.
_SHORT_BODY_BYTES = 8 * 1024
_SHORT_BODY_SECONDS = 0.25


class OpenRegistryResponse:
    """An answer whose headers have come and whose body has not been read."""

    __slots__ = ("_connection", "_idle_seconds", "_reader", "_seconds", "_target", "headers", "hold", "status", "url")

    def __init__(
        self,
        connection: Connection,
        reader: ResponseReader,
        target: RegistryUrl,
        url: str,
        seconds: float,
        idle_seconds: float | None,
        hold: Callable[[int], None],
    ) -> None:
        self.status = reader.status
        self.headers = Headers(reader.fields)
        self.url = url
        self.hold = hold
        self._connection = connection
        self._reader = reader
        self._target = target
        self._seconds = seconds
        self._idle_seconds = idle_seconds

    @property
    def content_length(self) -> int | None:
        """The length that the answer declares, in bytes; None where it declares none."""
        return self._reader.content_length

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, read no faster than the caller takes it. Raises `RegistryError` where it breaks off."""
        while (part := await self._part()) is not None:
            yield part

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises `ResponseTooLarge` (before reading, where the length is declared) or as `chunks`.

        `hold` is told of its bytes as they come; what it raises is raised.
        """
        reader = self._reader
        if reader.has_body and (reader.content_length or 0) > max_bytes:
            raise self._too_large(max_bytes)
        body, held_bytes = bytearray(), 0
        while True:
            here_bytes = len(body) + reader.queued
            if here_bytes > max_bytes:
                raise self._too_large(max_bytes)
            if here_bytes > held_bytes:
                self.hold(here_bytes - held_bytes)
                held_bytes = here_bytes
            if reader.complete:
                # All of it is here, as that of most answers is from the start.
                rest = reader.take()
                return bytes(body) + rest if body else rest
            part = await self._part()
            if part is not None:
                body += part

    async def finish_short(self) -> None:
        """Read a body that is declared short, so that the connection can serve again; else do nothing.

        Nobody needs this body, so it does not matter whether it comes.
        """
        reader = self._reader
        if reader.complete:
            return
        if reader.content_length is None or reader.content_length > _SHORT_BODY_BYTES:
            return
        with suppress(TimeoutError, RegistryError):
            async with asyncio.timeout(_SHORT_BODY_SECONDS):
                await self.read(_SHORT_BODY_BYTES)

    async def _part(self) -> bytes | None:
        try:
            return await self._connection.part(self._idle_seconds)
        except FAILURES as error:
            seconds = self._seconds if self._idle_seconds is None else self._idle_seconds
            # `from None`: what lies below may quote what was sent or received.
            raise as_registry_error(error, self._target, seconds, in_body=True) from None

    def _too_large(self, max_bytes: int) -> ResponseTooLarge:
        host = self._target.authority
        return ResponseTooLarge(host, f"{host} answered with more than {max_bytes} bytes")

"""HTTP/1.1 as plain as the soak's two sides need it, so that what is measured is the server."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

_MAX_HEAD_BYTES = 262_144


class Answer(NamedTuple):
    """An answer. Of `headers`, whose names are in lower case, repeated ones are joined by line ends."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Failed(Exception):
    """No answer, or none that can be read; the message is one word or two, for counting."""


def head(method: str, target: str, host: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request."""
    lines = {"Host": host, **(headers or {})}
    if body or method in {"POST", "PUT", "PATCH"}:
        lines["Content-Length"] = str(len(body))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1") + body


class Connection:
    """A connection to the server, from a loopback address of the caller's."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._port, self._source = port, source
        self._reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is one that the server has not ended."""
        return self.writer is not None and self._reader is not None and not self._reader.at_eof()

    async def open(self) -> None:
        """Connect. Raises `Failed`."""
        try:
            self._reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._source, 0), limit=_MAX_HEAD_BYTES
            )
        except OSError as error:
            raise Failed("not connected") from error

    async def ask(self, request: bytes, seconds: float) -> Answer:
        """Send a request and read its answer. Raises `Failed`, after which the connection is closed."""
        try:
            async with asyncio.timeout(seconds):
                if not self.is_open:
                    self.close()
                    await self.open()
                assert self.writer is not None
                self.writer.write(request)
                return await self._answer(request.startswith(b"HEAD "))
        except TimeoutError as error:
            self.close()
            raise Failed("no answer") from error
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            self.close()
            raise Failed("broken off") from error
        except Failed:
            self.close()
            raise

    async def _answer(self, without_body: bool) -> Answer:
        assert self._reader is not None
        text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known}\n{value.strip()}"
        status = int(first.split(" ", 2)[1])
        body = b"" if without_body or status in {204, 304} else await self._body(headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        assert self._reader is not None
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                parts.append((await self._reader.readexactly(size + 2))[:-2])
            await self._reader.readuntil(b"\r\n")
            return b"".join(parts)
        return await self._reader.readexactly(int(headers.get("content-length", "0")))

    async def ended(self, seconds: float) -> bool:
        """Whether the server ends the connection, on which nothing is said, within so many seconds."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(seconds):
                return not await self._reader.read(1)
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        if self.writer is not None:
            self.writer.close()
        self._reader = self.writer = None


async def ask(port: int, request: bytes, *, source: str = "127.0.0.1", seconds: float = 30.0) -> Answer:
    """One request on a connection of its own. Raises `Failed`."""
    connection = Connection(port, source)
    try:
        return await connection.ask(request, seconds)
    finally:
        connection.close()

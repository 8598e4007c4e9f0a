"""What the hostile run: registries that hang, flood and lie, a silent name server, a mail server that hangs."""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable

from benchmarks.soak.children import tell

# One that answers as its path says, and some that take connections and never answer.
ANSWERING = "127.66.0.1"
HANGING = [f"127.66.0.{number}" for number in range(2, 10)]
# Gone by then, whatever the server does with its connections.
_PATIENCE_SECONDS = 60.0
_BIG = b'{"schemaVersion": 2, "layers": [], "annotations": {"x": "' + b"x" * (4 * 1024 * 1024 - 100) + b'"}}'
_DEEP = b'{"name": "x", "tags": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
_ANSI = json.dumps({"errors": [{"code": "DENIED", "message": "\x1b[2J\x1b]0;owned\x07 hello"}]}).encode()

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


def _written(status: int, body: bytes, *lines: bytes) -> bytes:
    fields = b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *lines))
    return b"HTTP/1.1 %d X\r\n%s\r\n" % (status, fields) + body


def _says(status: int, body: bytes, *lines: bytes) -> Behaviour:
    said = _written(status, body, *lines)

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    return behaviour


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(_PATIENCE_SECONDS)


async def _drip(writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def _without_end(writer: asyncio.StreamWriter, start: bytes, again: bytes) -> None:
    writer.write(start)
    while True:
        writer.write(again)
        await writer.drain()
        await asyncio.sleep(0.001)


async def _one_byte_chunks(writer: asyncio.StreamWriter) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    await _without_end(writer, start, b"1\r\nx\r\n" * 10_000)


async def _continues(writer: asyncio.StreamWriter) -> None:
    await _without_end(writer, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000)


_JSON = b"Content-Type: application/json"
_TAGS = b'{"name": "x", "tags": ["1"]}'
# By the first component of the repository's name.
BEHAVIOURS: dict[str, Behaviour] = {
    "hang": _hang,
    "drip": _drip,
    "big": _says(200, _BIG, b"Content-Type: application/vnd.oci.image.manifest.v1+json"),
    "bytes": _one_byte_chunks,
    "continues": _continues,
    "blanks": _says(200, _TAGS, _JSON, b"Link: <" + b" " * 90_000 + b">"),
    "html": _says(200, b"<script>alert(1)</script>", b"Content-Type: Text/HTML"),
    "svg": _says(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"Content-Type: image/svg+xml"),
    "deep": _says(200, _DEEP, _JSON),
    "brackets": _says(200, _TAGS, _JSON, b"Link: <http://[foo/>; rel=next"),
    "bad-utf8": _says(200, _TAGS, _JSON, b"ETag: \xc3\xa9\xff"),
    "nan": _says(200, b'{"name": "x", "tags": [NaN]}', _JSON),
    "ansi": _says(403, _ANSI, _JSON),
    "unmodified": _says(304, b"", b"ETag: x"),
    "short": _says(200, _TAGS, _JSON, b"Content-Length: 7"),
}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = first.split(" ")[1].split("?")[0]
            host = next((line[5:].strip() for line in lines if line.lower().startswith("host:")), "")
            if path == "/v2/":
                challenge = f'Www-Authenticate: Bearer realm="http://{host}/token",service="soak"'
                writer.write(_written(401, b"{}", challenge.encode()))
            elif path == "/token":
                writer.write(_written(200, b'{"token": "t"}', _JSON))
            else:
                await BEHAVIOURS.get(path.split("/")[2], _hang)(writer)
            await writer.drain()
    except (OSError, EOFError, ValueError, IndexError):
        pass
    finally:
        writer.close()


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await asyncio.wait_for(reader.read(-1), _PATIENCE_SECONDS)
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


def _name_server() -> socket.socket:
    """Takes every question and answers none; what nobody reads is dropped by the kernel."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    return silent


async def main() -> None:
    """Serve until the end of input."""
    loop = asyncio.get_running_loop()
    sys.stdin.readline()
    port = (first := await asyncio.start_server(_answer, ANSWERING, 0)).sockets[0].getsockname()[1]
    servers = [first, *[await asyncio.start_server(_never, address, port) for address in HANGING]]
    mail = await asyncio.start_server(_never, "127.0.0.1", 0)
    names = _name_server()
    tell({"port": port, "mail_port": mail.sockets[0].getsockname()[1], "dns_port": names.getsockname()[1]})
    await loop.run_in_executor(None, sys.stdin.read)
    tell({"servers": len(servers)})


if __name__ == "__main__":
    asyncio.run(main())

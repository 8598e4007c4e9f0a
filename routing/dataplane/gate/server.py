"""The gate's own small HTTP server: one question a request, on a listener that clients can't reach.

    GET /?domain=docker.acme.com  →  200: the edge may get a certificate; anything else: it may not

That is what Caddy asks by `permission http` (https://caddyserver.com/docs/caddyfile/options#on-demand-tls). The answer
has no body; X-Facade-Answer says why. No request makes a line in the log: they are counted.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from routing.core.grammar.listeners import Listener
from routing.dataplane.gate.judgement import Answer

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 8192
# The edge has a few, however many handshakes there are. One more is closed.
MAX_CONNECTIONS = 256
# For a request to come whole, and longer than what asks keeps a connection that it doesn't use.
_IDLE_SECONDS = 120.0
# Who connects to a Unix socket is decided by the folder that it is in.
_SOCKET_MODE = 0o666
_STATUS = {Answer.YES: HTTPStatus.OK, Answer.SPENT: HTTPStatus.TOO_MANY_REQUESTS}
_LOOK_SECONDS = 0.2
_HEAD_END = b"\r\n\r\n"

Judge = Callable[[str], Awaitable[Answer]]


class BadRequest(ValueError):
    """A request that asks nothing."""


class GateServer:
    """Answers on one listener. `answers` counts what was answered, by the answer."""

    def __init__(self, judge: Judge) -> None:
        self.answers: Counter[str] = Counter()
        self._judge = judge
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, listener: Listener) -> asyncio.Server:
        """Listen. A Unix socket that is there is taken over. Raises OSError where that can't be."""
        if not listener.path:
            return await asyncio.start_server(self._serve, listener.host, listener.port, limit=MAX_HEAD_BYTES)
        # What an earlier process left is removed by asyncio.
        server = await asyncio.start_unix_server(self._serve, listener.path, limit=MAX_HEAD_BYTES)
        os.chmod(listener.path, _SOCKET_MODE)
        return server

    async def close(self) -> None:
        """End the connections that are there."""
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) <= MAX_CONNECTIONS:
                await self._answer_all(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The edge has left, or is silent, or this server ends.
            pass
        except Exception:
            logger.exception("a question to the gate could not be answered")
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keeps_open = True
        while keeps_open:
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    head = await reader.readuntil(_HEAD_END)
                name, keeps_open = question_of(head)
                answer = await self._judge(name)
            except (BadRequest, asyncio.LimitOverrunError):
                keeps_open, status, told = False, HTTPStatus.BAD_REQUEST, "malformed"
            else:
                status, told = _STATUS.get(answer, HTTPStatus.FORBIDDEN), answer.value
            self.answers[told] += 1
            writer.write(_response(status, told, keeps_open))
            async with asyncio.timeout(_IDLE_SECONDS):
                await writer.drain()


def question_of(head: bytes) -> tuple[str, bool]:
    """The name that a request asks for, and whether its connection may stay. Raises BadRequest."""
    request_line, *fields = head.removesuffix(_HEAD_END).decode("latin-1").split("\r\n")
    method, _, rest = request_line.partition(" ")
    target, _, version = rest.rpartition(" ")
    if method != "GET" or not version.startswith("HTTP/1."):
        raise BadRequest("not a GET of HTTP/1")
    named = {
        name.strip().lower(): value.strip().lower() for name, _, value in (field.partition(":") for field in fields)
    }
    if "transfer-encoding" in named or named.get("content-length", "0") != "0":
        raise BadRequest("a body")
    try:
        names = parse_qs(target.partition("?")[2], strict_parsing=True, max_num_fields=8).get("domain", [])
    except ValueError:
        names = []
    if len(names) != 1:
        raise BadRequest("not one name")
    return names[0], version != "HTTP/1.0" and "close" not in named.get("connection", "")


def _response(status: HTTPStatus, told: str, keeps_open: bool) -> bytes:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\nX-Facade-Answer: {told}\r\n"
    return f"{head}{'' if keeps_open else 'Connection: close' + chr(13) + chr(10)}\r\n".encode()


async def listen(server: GateServer, listener: Listener, is_over: Callable[[], bool]) -> None:
    """Serve until it is over, which a thread says. A port that somebody else has, such as one that ends, is awaited."""
    has_told = False
    while not is_over():
        try:
            listening = await server.start(listener)
        except OSError as error:
            if not has_told:
                logger.warning("the gate waits until it can listen at FACADE_GATE_BIND: %s", error)
            has_told = True
            await asyncio.sleep(1.0)
            continue
        try:
            while not is_over():  # noqa: ASYNC110  # it is no event of this loop
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            listening.close()
            await server.close()

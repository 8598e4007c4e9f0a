"""No body under /v2/ is ever read, and the connection ends where one might still be coming (R6.6)."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from routing.dataplane.serving.body_guard import (
    MAX_CONTROL_BODY_BYTES,
    MAX_DRAINED_BYTES,
    MAX_TOKEN_FORM_BYTES,
    BodyGuard,
    body_length,
)

Message = MutableMapping[str, Any]


class Server:
    """Stands for the server: counts how often it is asked for a part of the body, and keeps what it is told to send."""

    def __init__(self) -> None:
        self.requests = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.requests += 1
        return {"type": "http.request", "body": b"x" * 10, "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def closes(self) -> bool:
        return (b"connection", b"close") in self.sent[0]["headers"]


async def django(scope: Message, receive: Any, send: Any) -> None:
    """Reads the whole body and then answers, as Django does."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 405, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": body})


async def request(path: str, *headers: tuple[bytes, bytes], kind: str = "http") -> Server:
    server = Server()
    await BodyGuard(django)({"type": kind, "path": path, "headers": list(headers)}, server.receive, server.send)
    return server


UPLOAD = "/v2/acme/web/blobs/uploads/"


async def test_a_short_body_is_left_to_the_server() -> None:
    server = await request(UPLOAD, (b"content-length", b"10"))

    assert server.requests == 0
    assert not server.closes
    assert server.sent[1]["body"] == b""


@pytest.mark.parametrize(
    "header",
    [
        (b"content-length", str(MAX_DRAINED_BYTES + 1).encode()),
        (b"content-length", b"9" * 5000),
        (b"content-length", b"-1"),
        (b"content-length", b"\xb2"),
        (b"transfer-encoding", b"chunked"),
    ],
)
@pytest.mark.parametrize("path", [UPLOAD, "/v2/", "/v2", "/v2/acme/web/manifests/1.0"])
async def test_after_a_long_one_or_one_of_unknown_length_the_connection_is_closed(
    path: str, header: tuple[bytes, bytes]
) -> None:
    server = await request(path, header)

    assert server.requests == 0
    assert server.closes
    assert (b"content-length", b"0") in server.sent[0]["headers"]
    assert server.sent[1]["body"] == b""


async def test_chunked_counts_before_a_length_that_is_told_as_well() -> None:
    server = await request(UPLOAD, (b"content-length", b"1"), (b"transfer-encoding", b"chunked"))

    assert (server.requests, server.closes) == (0, True)


async def test_a_longest_drained_body_keeps_the_connection() -> None:
    server = await request(UPLOAD, (b"content-length", str(MAX_DRAINED_BYTES).encode()))

    assert (server.requests, server.closes) == (0, False)


async def test_a_form_for_a_token_is_read_and_a_long_one_is_not() -> None:
    form = await request("/token", (b"content-length", str(MAX_TOKEN_FORM_BYTES).encode()))
    long = await request("/token", (b"content-length", str(MAX_TOKEN_FORM_BYTES + 1).encode()))
    unknown = await request("/token", (b"transfer-encoding", b"chunked"))

    assert (form.requests, form.sent[1]["body"]) == (1, b"x" * 10)
    assert (long.requests, unknown.requests, unknown.closes) == (0, 0, True)


@pytest.mark.parametrize("path", ["/admin/", "/", "/v1/", "/tok"])
async def test_elsewhere_a_form_is_read_and_a_long_body_is_not(path: str) -> None:
    form = await request(path, (b"content-length", str(MAX_CONTROL_BODY_BYTES).encode()))
    long = await request(path, (b"content-length", str(MAX_CONTROL_BODY_BYTES + 1).encode()))
    unknown = await request(path, (b"transfer-encoding", b"chunked"))

    assert (form.requests, form.closes, form.sent[1]["body"]) == (1, False, b"x" * 10)
    assert (long.requests, long.closes, long.sent[1]["body"]) == (0, True, b"")
    assert (unknown.requests, unknown.closes, unknown.sent[1]["body"]) == (0, True, b"")


async def test_what_is_no_request_passes_as_it_is() -> None:
    server = await request("/v2/", (b"transfer-encoding", b"chunked"), kind="websocket")

    assert (server.requests, server.closes) == (1, False)


async def test_without_a_body_the_server_itself_is_listened_to() -> None:
    """So that a client that hangs up during a relay is noticed."""
    server = await request("/v2/")

    assert server.requests == 1


async def test_the_end_of_a_body_that_is_not_read_never_comes() -> None:
    """To ask the server for it would make it send 100 Continue."""
    asked_again = asyncio.Event()

    async def application(scope: Message, receive: Any, send: Any) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        asked_again.set()

    server = Server()
    scope: Message = {"type": "http", "path": UPLOAD, "headers": [(b"content-length", b"5")]}
    await BodyGuard(application)(scope, server.receive, server.send)

    assert asked_again.is_set()
    assert server.requests == 0


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 0),
        ({b"content-length": b"12"}, 12),
        ({b"content-length": b"1x"}, None),
        ({b"transfer-encoding": b"x"}, None),
    ],
)
def test_the_length_that_headers_announce(headers: dict[bytes, bytes], length: int | None) -> None:
    assert body_length(headers) == length

"""An ASGI wrapper that keeps Django from reading bodies that it has no use for.

Django spools a whole body to disk before the first middleware runs: a push that is about to be refused would fill the
disk first. Under /v2/ no body is ever read, at /token only a short form, and elsewhere, where only control hosts have a
use for one, none that is longer than an operator's forms. A short body is left to the server to discard; for a long
one, or one of unknown length, the connection is closed after the answer. What to answer is the middleware's to say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_DRAINED_BYTES = 1 << 20
# Longer than any client's token request (user name, password or refresh token, and some scopes).
MAX_TOKEN_FORM_BYTES = 64 * 1024
# As long as Django keeps in memory and takes for a form (DATA_UPLOAD_MAX_MEMORY_SIZE).
MAX_CONTROL_BODY_BYTES = 2_621_440
_MAX_LENGTH_DIGITS = 18


class BodyGuard:
    """Serves `application`, which is given no body but a short one that it asks for."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        length = body_length(dict(scope["headers"]))
        if length is not None and length <= max_body_bytes(scope["path"]):
            await self._application(scope, receive, send)
        elif length is not None and length <= MAX_DRAINED_BYTES:
            await self._application(scope, _no_body(), send)
        else:
            await self._application(scope, _no_body(), _closing(send))


def max_body_bytes(path: str) -> int:
    """How long a body may be that is read at all, by the request's (decoded) path."""
    if path.startswith("/v2"):
        return 0
    return MAX_TOKEN_FORM_BYTES if path.startswith("/token") else MAX_CONTROL_BODY_BYTES


def body_length(headers: Mapping[bytes, bytes]) -> int | None:
    """The length in bytes of the body that a request's headers announce; None where they don't say."""
    if b"transfer-encoding" in headers:
        return None
    length = headers.get(b"content-length", b"0")
    # More digits than Python turns into a number would raise.
    return int(length) if length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS else None


def _no_body() -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            # Asking the server would make it send 100 Continue for a body that nobody wants.
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        await send(message)

    return closing

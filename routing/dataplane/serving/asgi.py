"""The ASGI application that answers registry clients by itself and leaves everything else to Django.

It gives the answers of middleware.py, byte for byte; a request that goes through Django costs some ten times as much,
mostly for the threads in which Django looks after database connections, of which there is no use here.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from routing.dataplane.live.live_table import live_table
from routing.dataplane.request.client_request import from_asgi
from routing.dataplane.request.responses import Response
from routing.dataplane.serving.access_log import DECISION, HANDED_OVER
from routing.dataplane.serving.body_guard import Application, Message, Receive, Scope, Send
from routing.dataplane.serving.handler import DECIDED, HAND_OVER, HandledRequest, handle
from routing.dataplane.upstream.refusals import bad_gateway
from routing.dataplane.upstream.relay import StreamingResponse
from routing.registries.exceptions import RegistryError

_WATCH_AFTER_SECONDS = 0.05
_ASCII = "".join(map(chr, range(128)))


class DataPlane:
    """Serves registry clients. Pages are answered by `django`, in a control worker where the server has some."""

    def __init__(self, django: Application) -> None:
        self._django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handled = _handled(scope) if scope["type"] == "http" else None
        if handled is None and scope["type"] == "http":
            scope = _for_a_page(scope)
        if handled is not None:
            scope[DECISION] = handled.kind
        if handled is None or handled.is_control:
            hand_over = scope.get(HAND_OVER)
            if hand_over is not None and hand_over():
                scope[DECISION] = HANDED_OVER
            else:
                await self._django(scope, receive, send)
        elif handled.needs_registry:
            await _while_connected(_with_registry(handled, receive, send), receive, handled.has_form)
        else:
            if "expect" in handled.request.fields:
                # As Django does, which reads even no body: the server sends 100 Continue first.
                await receive()
            await _send(handled.local_response(), handled.request.method, send)


def _handled(scope: Scope) -> HandledRequest | None:
    """None where Django has to say what it says: of a query that isn't UTF-8, or where there is no raw path."""
    request = from_asgi(scope)
    return None if request is None else handle(live_table.get(), request, scope.get(DECIDED))


def _for_a_page(scope: Scope) -> Scope:
    """On a control host a query that isn't UTF-8 in its escaped form, of which Django makes a page or a problem.

    To registry clients Django says what it says of one: 400, without a word.
    """
    escaped = {**scope, "query_string": quote(scope["query_string"], safe=_ASCII).encode()}
    request = from_asgi(escaped)
    return escaped if request is not None and handle(live_table.get(), request).is_control else scope


async def _with_registry(handled: HandledRequest, receive: Receive, send: Send) -> None:
    form = await _body(receive) if handled.has_form else b""
    if form is None:
        return
    held = await handled.upstream_response(form, persistent_loop=True)
    try:
        if isinstance(held.answer, StreamingResponse):
            await _send_stream(held.answer, send)
        else:
            await _send_whole(held.answer, handled.request.method, send)
    finally:
        held.release()


async def _send_whole(answer: Response, method: str, send: Send) -> None:
    """Send a registry's answer. It is over when the client has taken it, but for what the server buffers of any answer.

    The last message is an empty one, since the server lets nobody send on before the client has taken what came before.
    """
    await send(_start(answer))
    if answer.body and method != "HEAD":
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_stream(answer: StreamingResponse, send: Send) -> None:
    async with aclosing(answer.parts) as parts:
        await send(_start(answer))
        try:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except RegistryError as failure:
            # The client has the beginning. That the answer has no end makes the server close the connection.
            bad_gateway(failure)
            return
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes | None:
    """A form, whose length is bounded by BodyGuard. None: the client has gone before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _while_connected(answering: Coroutine[Any, Any, None], receive: Receive, reads_body: bool) -> None:
    """Answer for as long as somebody is there to take it: what a client asked for and left goes on nowhere."""
    if reads_body:
        await answering
        return
    watch = _Watch(receive)
    try:
        await answering
    except asyncio.CancelledError:
        if not watch.has_left:
            raise
        watch.task.uncancel()
    finally:
        watch.end()


class _Watch:
    """Cancels the present task when the client has left. Begins after a moment: most answers are there by then."""

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.has_left = False
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_SECONDS, self._begin)

    def end(self) -> None:
        """Leave the task alone from now on."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.remove_done_callback(self._left)
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = asyncio.ensure_future(_left(self._receive))
        self._watching.add_done_callback(self._left)

    def _left(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled():
            self.has_left = True
            self.task.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(answer: Response | StreamingResponse) -> Message:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in answer.headers]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send(answer: Response, method: str, send: Send) -> None:
    await send(_start(answer))
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})

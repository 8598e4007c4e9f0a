"""The access log: one record for each request that was answered, the same whichever lane answered it.

It is on where the server gives its logger a handler (FACADE_ACCESS_LOG). How a record is written, and that no secret of
a path or a query gets into it, is the handler's formatter's business.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from routing.dataplane.request.forwarded import (
    X_FORWARDED,
    effective_host,
    forwarded_client,
    forwarded_request_id,
)
from routing.dataplane.serving.body_guard import Application, Message, Receive, Scope, Send
from routing.request_id import request_id

logger = logging.getLogger("routing.access")

#: Where, in an ASGI scope, the data plane leaves what kind of decision it made.
DECISION = "registry_facade.decision"
#: In place of the decision, where another process has taken the request: that one logs it.
HANDED_OVER = "handed over"
#: In place of the status of a request whose client left before there was an answer, as the metrics have it.
GONE = "gone"
_FIELDS = frozenset({"host", "user-agent", "x-request-id", "forwarded", *X_FORWARDED})


def is_on() -> bool:
    """Whether anybody takes the records."""
    return bool(logger.handlers)


def log_redirect(data: bytes, peer_address: str, seconds: float) -> None:
    """Log a plain request that was redirected, of which `data` is every byte."""
    lines = data.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    fields = _known((name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:-2]))
    path, _, query = target.partition("?")
    this = forwarded_request_id(fields.get("x-request-id", ""), peer_address)
    _log(method, path, query, fields, peer_address, 307, "redirect", seconds, this)


class AccessLog:
    """Goes around the application. A request's id is in every other line of the log that belongs to it, too."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started = time.perf_counter()
        fields = _known((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        peer_address = (scope.get("client") or ("",))[0]
        status: int | str = GONE

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with request_id(forwarded_request_id(fields.get("x-request-id", ""), peer_address)) as this:
            try:
                await self._application(scope, receive, noting)
            finally:
                path, query = scope.get("raw_path", b"").decode("latin-1"), scope["query_string"].decode("latin-1")
                seconds, decision = time.perf_counter() - started, scope.get(DECISION, "")
                if decision != HANDED_OVER:
                    _log(scope["method"], path, query, fields, peer_address, status, decision, seconds, this)


def _known(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those that the log has, by their names in lower case; several lines of one joined by commas."""
    found: dict[str, str] = {}
    for name, value in fields:
        lowered = name.lower()
        if lowered in _FIELDS:
            found[lowered] = f"{found[lowered]},{value}" if lowered in found else value
    return found


def _log(
    method: str,
    path: str,
    query: str,
    fields: Mapping[str, str],
    peer_address: str,
    status: int | str,
    decision: str,
    seconds: float,
    this: str,
) -> None:
    target = f"{path}?{query}" if query else path
    facts: dict[str, Any] = {
        "method": method,
        "target": target,
        "status": status,
        "decision": decision,
        "duration_ms": round(seconds * 1000, 3),
        "host": effective_host(fields, peer_address),
        "client": forwarded_client(fields, peer_address),
        "user_agent": fields.get("user-agent", ""),
        "request_id": this,
    }
    # Not info(), which looks for the line of code that called it.
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, f"{method} {target} {status}", (), None, extra=facts)
    logger.handle(record)

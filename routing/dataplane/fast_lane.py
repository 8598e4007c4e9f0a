"""The fast lane: a plain redirect is written straight to the socket by the server's protocol, before ASGI and Django.

Imports core, answers, bounds, counters, live and proxies. It asks the same `decide()` about the same table, and sends
the bytes that uvicorn would send for the middleware's answer. It takes a request only where that is certain:

- no earlier request of the connection is unfinished, so that answers keep their order;
- what was read is one whole GET or HEAD, its header fields in the plain form of `_FIELDS`, and nothing besides;
- the client takes its answers (writing is not paused);
- `decide()` says Redirect.

Everything else goes on to uvicorn's parser and from there to Django, as if this module were not there.
"""

import logging
import re
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from routing.core.decide import READS, Request, decide
from routing.core.decisions import Redirect
from routing.core.table import Table
from routing.dataplane.answers import redirect
from routing.dataplane.bounds import BoundedProtocol
from routing.dataplane.counters import counters
from routing.dataplane.live import live
from routing.dataplane.proxies import is_trusted

logger = logging.getLogger(__name__)

# All of the following judge lower-cased text. Fields that bear on neither the answer nor the framing, by their first
# letters; that leaves out Authorization, Connection, Content-*, Expect, Host, Proxy-Connection, Trailer,
# Transfer-Encoding, Upgrade and User-Agent. X-Forwarded-Host is looked at where the peer is trusted.
_NAME = r"(?:[0-9bdfgi-oqrsv-z]|a(?!u)|c(?!on)|e(?!x)|h(?!o)|p(?!ro)|t(?!ra[in]))[0-9a-z-]*+"
_TEXT = r"[\t\x20-\x7e\x80-\xff]*+\r\n"
_OTHERS = rf"(?:(?:{_NAME}|authorization):{_TEXT}|connection: ?+(?:keep-alive|close)\r\n)*+"
_HOST = r"[0-9a-z.:\[\]-]+"
# Host goes first, as clients send it (RFC 9110 §7.2), User-Agent comes once or not at all, and the head ends the text.
# Possessive quantifiers: matching takes time in proportion to the length, whatever is sent. (None of them has a group
# inside: there, Python 3.11 fails.)
_FIELDS = re.compile(rf"host:[ \t]*+({_HOST})\r\n{_OTHERS}(?:user-agent:[ \t]*+([!-~][ -~]*)\r\n)?{_OTHERS}\r\n")
_CLOSE = re.compile(r"^connection: ?close\r", re.MULTILINE)
_FORWARDED_HOST = re.compile(r"^x-forwarded-host:[ \t]*+([^\r]*)", re.MULTILINE)
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
# Longer requests are rare, and no slower by the parser.
_MAX_BYTES = 4096
# How long a connection without a request in flight is kept at shutdown, in seconds: a client that is about to send one
# gets its answer, with `Connection: close`, instead of a reset.
_DRAIN_SECONDS = 1.0
# What a remembered answer takes beside its bytes: objects' headers and a place in a dictionary.
_OVERHEAD_BYTES = 256


class _Answer(NamedTuple):
    """Where a request is redirected, and whether its connection closes then. `era` tells which table said so."""

    location: bytes
    close: bool
    era: int


class FastLane(BoundedProtocol):
    """uvicorn's HTTP/1.1 protocol, with a short way for plain redirects."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.behind_proxy = False

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once."""
        super().connection_made(transport)
        self.behind_proxy = is_trusted(self.client[0]) if self.client else False
        if _lane.draining:
            # Accepted while the listening socket was being closed.
            self.shutdown()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop for each read. All reads of one turn of the loop are served together."""
        if not _lane.arrived:
            self.loop.call_soon(_lane.serve)
        _lane.arrived.append((self, data))

    def parse(self, data: bytes) -> None:
        """Hand what was read on to uvicorn's parser."""
        if self.parser is not None:
            super().data_received(data)

    def on_headers_complete(self) -> None:
        """Called by the parser once it has a request's header fields."""
        super().on_headers_complete()
        if _lane.draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Called at the server's shutdown. The next answer is the last one; without any, the connection closes soon."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_DRAIN_SECONDS, super().shutdown)
        else:
            super().shutdown()

    @property
    def ready(self) -> bool:
        """Whether the next answer on this connection may be written now."""
        cycle = self.cycle
        return (cycle is None or cycle.response_complete) and not self.within_request and not self.flow.write_paused

    def answer(self, parts: "_Parts", answer: _Answer, now: float) -> None:
        """Write a redirect. `now` is the event loop's time, in seconds."""
        self.answered_at = now
        if answer.close or _lane.draining:
            self._unset_keepalive_if_required()
            self.transport.write(parts.before + answer.location + parts.after_closing)
            self.transport.close()
            return
        self.transport.write(parts.before + answer.location + parts.after)
        if self.timeout_keep_alive_task is None:
            self._start_keep_alive_timer(self.timeout_keep_alive)

    def log(self, data: bytes) -> None:
        """The line that uvicorn writes to the access log."""
        client = "{}:{}".format(*self.client) if self.client else ""
        self.access_logger.info('%s - "%s" %d', client, data.partition(b"\r")[0].decode("latin-1"), 307)

    def timeout_keep_alive_handler(self) -> None:
        """Called when the keep-alive timer ends. A fast answer leaves it running, so there may be time left."""
        left = self.answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._start_keep_alive_timer(left)
        else:
            super().timeout_keep_alive_handler()

    def _start_keep_alive_timer(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


class _Lane:
    """What all connections of a process share: this turn's reads, and the answers that are remembered."""

    def __init__(self) -> None:
        self.arrived: list[tuple[FastLane, bytes]] = []
        self.draining = False
        self._table: Table | None = None
        self._era = 0
        # By the whole request, to the byte: that holds everything that the answer depends on but the table and
        # whether the peer is a trusted proxy. An answer of another era is as good as none.
        self._remembered: dict[bool, dict[bytes, _Answer]] = {False: {}, True: {}}
        self._remembered_bytes = 0

    def serve(self) -> None:
        """Answer what was read in this turn, or hand it on to the parser.

        One turn's answers are written in one go, for a write wakes a client that is waiting, which costs more than
        the write itself, while for one that is still awake from the last it costs nothing.
        """
        arrived, self.arrived = self.arrived, []
        first = arrived[0][0]
        now, state = first.loop.time(), first.server_state
        parts = _parts(tuple(state.default_headers), settings.FACADE_REDIRECT_MAX_AGE_SECONDS)
        if self._table is not live.table:
            self._table = live.table
            self._era += 1
        count = 0
        for connection, data in arrived:
            try:
                answer = self._known_or_decided(data, connection) if connection.ready else None
                if answer is None:
                    connection.parse(data)
                    continue
                connection.answer(parts, answer, now)
            except Exception:
                # As the event loop does for an error in one connection's data_received: the others must not suffer.
                logger.exception("serving a connection failed; it is closed")
                connection.transport.abort()
                continue
            count += 1
            if connection.access_log:
                connection.log(data)
        state.total_requests += count
        counters.totals["redirect"] += count

    def _known_or_decided(self, data: bytes, connection: FastLane) -> _Answer | None:
        answer = self._remembered[connection.behind_proxy].get(data)
        if answer is None or answer.era != self._era:
            return self._decide(data, connection.behind_proxy)
        return answer

    def _decide(self, data: bytes, behind_proxy: bool) -> _Answer | None:
        """The redirect that the middleware would answer. None: another answer, or not certain to be one request."""
        table = self._table
        if table is None or len(data) > _MAX_BYTES:
            return None
        line, _, text = data.decode("latin-1").partition("\r\n")
        words = line.split(" ")
        lowered = text.lower()
        fields = _FIELDS.fullmatch(lowered)
        if fields is None or len(words) != 3:
            return None
        method, target, version = words
        path, _, query = target.partition("?")
        # A fragment never gets as far as the middleware.
        if method not in READS or version not in _VERSIONS or "#" in query:
            return None
        host, agent = text[slice(*fields.span(1))], text[slice(*fields.span(2))] if fields[2] else ""
        if behind_proxy and (forwarded := _FORWARDED_HOST.findall(lowered)):
            host = forwarded[0]
            if len(forwarded) > 1 or not re.fullmatch(_HOST, host):
                return None
        credentials = "\nauthorization:" in lowered
        decision = decide(table, Request(method, host, path, query, agent, credentials))
        if not isinstance(decision, Redirect):
            return None
        closes = version == "HTTP/1.0" or _CLOSE.search(lowered) is not None
        answer = _Answer(decision.location.encode("latin-1"), closes, self._era)
        if not credentials:
            self._remember(data, behind_proxy, answer)
        return answer

    def _remember(self, data: bytes, behind_proxy: bool, answer: _Answer) -> None:
        known = self._remembered[behind_proxy]
        if data not in known:
            self._remembered_bytes += len(data) + len(answer.location) + _OVERHEAD_BYTES
            if self._remembered_bytes > settings.FACADE_REMEMBERED_ANSWERS_BYTES:
                self._remembered[False].clear()
                self._remembered[True].clear()
                self._remembered_bytes = 0
                return
        known[data] = answer


_lane = _Lane()


def drain() -> None:
    """From now on every answer of this process is its connection's last one."""
    _lane.draining = True


class _Parts(NamedTuple):
    """The bytes of an answer around its Location: before it, after it, and after it where the connection closes."""

    before: bytes
    after: bytes
    after_closing: bytes


@lru_cache(maxsize=2)
def _parts(default_headers: tuple[tuple[bytes, bytes], ...], max_age_seconds: int) -> _Parts:
    """As uvicorn writes them. Its default headers, Date among them, change once a second."""
    ours = ((name.lower().encode(), value.encode()) for name, value in redirect("\0", max_age_seconds).headers)
    lines = b"".join(b"%b: %b\r\n" % header for header in (*default_headers, *ours))
    before, _, after = lines.partition(b"\0")
    return _Parts(STATUS_LINE[307] + before, after + b"\r\n", after + b"connection: close\r\n\r\n")

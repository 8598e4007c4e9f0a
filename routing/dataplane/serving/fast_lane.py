"""The fast lane: a plain redirect is written straight to the socket by the server's protocol, before ASGI and Django.

It asks the same `decide()` about the same table, and sends the bytes that uvicorn would send for the middleware's
answer. It takes a request only where that is certain:

- no earlier request of the connection is unfinished, so that answers keep their order;
- what was read is one whole plain request (plain_requests.py), and nothing besides;
- the client takes its answers (writing is not paused);
- `decide()` says Redirect.

Where it says Relay, and the manifest is in memory, that is written in the same way (standing_answers.py). What needs
the registry goes by relay_cycle.py. Everything else goes on to uvicorn's parser and the application, as if this module
were not there.
"""

import logging
import time
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from routing.core.decide import Request, decide
from routing.core.decisions import Redirect
from routing.core.grammar.client_families import UNNOTED, pull_client
from routing.core.table.routing_table import Table
from routing.dataplane.live.live_table import live_table
from routing.dataplane.pulls.counting import pull_counting
from routing.dataplane.request.forwarded import is_trusted
from routing.dataplane.request.responses import redirect
from routing.dataplane.serving import access_log
from routing.dataplane.serving.connection_limits import TimeoutProtocol
from routing.dataplane.serving.handler import DECIDED, Decided
from routing.dataplane.serving.proxy_header import ProxyHeaderReader
from routing.dataplane.serving.raw_request import (
    HeaderFields,
    RequestTarget,
    parse_header_fields,
    parse_request_target,
    split_host,
)
from routing.dataplane.serving.redirect_cache import Kind, RedirectCache, Redirection
from routing.dataplane.serving.relay_cycle import CLOSING_END_OF_HEAD, END_OF_HEAD, RelayCycle, takes
from routing.dataplane.serving.standing_answers import StandingAnswer, StandingAnswers, Turn, settle
from routing.dataplane.telemetry.counters import FAST_BATCHES, FAST_SECONDS, REDIRECTS, counters

logger = logging.getLogger(__name__)

# Longer requests are rare, and no slower by the parser.
_MAX_BYTES = 4096
# How long a connection without a request in flight is kept at shutdown, in seconds: a client that is about to send one
# gets its answer, with `Connection: close`, instead of a reset.
_DRAIN_SECONDS = 1.0
# Answers that wait to be counted; more are left to the statistics at once.
_MAX_GIVEN = 20_000


class FastLaneProtocol(TimeoutProtocol):
    """uvicorn's HTTP/1.1 protocol, with a short way for plain redirects."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.behind_proxy = False
        self.is_logged = access_log.is_on()
        # What was decided of a plain request that is not redirected, and whether it asks to close the connection.
        self.decided: Decided | None = None
        self.asked_to_close = False
        # What came before a client's first byte, as it came.
        self.proxy_header = b""

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop, once."""
        super().connection_made(transport)
        self.behind_proxy = is_trusted(self.client[0]) if self.client else False
        if self.behind_proxy and not transport.is_closing():
            transport.set_protocol(ProxyHeaderReader(self, transport))
        if _batch.draining:
            # Accepted while the listening socket was being closed.
            self.shutdown()

    @property
    def closes_after_answers(self) -> bool:
        """Whether every answer that is not a plain redirect is the connection's last one."""
        return False

    def data_received(self, data: bytes) -> None:
        """Called by the event loop for each read. All reads of one turn of the loop are served together."""
        if not _batch.arrived:
            self.loop.call_soon(_batch.serve)
        _batch.arrived.append((self, data))

    def go_on(self, data: bytes) -> None:
        """Answer what is no plain redirect, or hand it on to uvicorn's parser."""
        decided, self.decided = self.decided, None
        if decided is None:
            self.parse(data)
        elif takes(decided) and not self.is_logged:
            self.relay(data, decided)
        else:
            self.decided = decided
            self.parse(data)
            self.decided = None

    def parse(self, data: bytes) -> None:
        """Hand what was read on to uvicorn's parser."""
        if self.parser is not None:
            super().data_received(data)

    def on_headers_complete(self) -> None:
        """Called by the parser once it has a request's header fields."""
        super().on_headers_complete()
        if self.decided is not None:
            # Not decided a second time. The request is the one that was just looked at: there was no other in its read.
            self.scope[DECIDED] = self.decided  # type: ignore[literal-required]  # a key of ours
        if (_batch.draining or self.closes_after_answers) and self.cycle is not None:
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
        is_free = cycle is None or (cycle.response_complete and not self.waiting)
        return is_free and not self.within_request and not self.flow.write_paused

    def answer(self, parts: "_Parts", location: bytes, closes: bool, now: float) -> None:
        """Write a redirect. `now` is the event loop's time, in seconds."""
        self.answered_at = now
        if closes or _batch.draining:
            self._unset_keepalive_if_required()
            self.transport.write(parts.before + location + parts.after_closing)
            self.transport.close()
            return
        self.transport.write(parts.before + location + parts.after)
        if self.timeout_keep_alive_task is None:
            self._start_keep_alive_timer(self.timeout_keep_alive)

    def give(self, standing: StandingAnswer, now: float) -> None:
        """Write an answer from memory. `now` is the event loop's time, in seconds."""
        self.answered_at = now
        if standing.closes or self.closes_after_answers or _batch.draining:
            self._unset_keepalive_if_required()
            self.transport.writelines(standing.parts(CLOSING_END_OF_HEAD))
            self.transport.close()
            return
        for part in standing.parts(END_OF_HEAD):
            self.transport.write(part)
        if self.timeout_keep_alive_task is None:
            self._start_keep_alive_timer(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, once."""
        if isinstance(self.cycle, RelayCycle):
            self.cycle.leave()
        super().connection_lost(exc)

    def relay(self, data: bytes, decided: Decided) -> None:
        """Answer a plain request that somebody else has to be asked about. `data` is every byte of it."""
        keeps = not (self.asked_to_close or self.closes_after_answers or _batch.draining)
        cycle = RelayCycle(keep_alive=keeps)
        self.cycle = cycle  # type: ignore[assignment]  # in place of uvicorn's own
        cycle.begin(self, decided, data)

    def on_relayed(self) -> None:
        """Called after the last byte of such an answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.answered_at = self.loop.time()
        # What the client sent meanwhile comes next.
        self.flow.resume_reading()
        if self.timeout_keep_alive_task is None:
            self._start_keep_alive_timer(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Called when the keep-alive timer ends. An answer leaves it running, so there may be time left."""
        if self.cycle is not None and not self.cycle.response_complete:
            # The answer that is under way begins the time anew.
            self._start_keep_alive_timer(self.timeout_keep_alive)
            return
        left = self.answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._start_keep_alive_timer(left)
        else:
            super().timeout_keep_alive_handler()

    def _start_keep_alive_timer(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


class _BatchWriter:
    """What all connections of a process share: this turn's reads, and what is remembered of earlier requests."""

    def __init__(self) -> None:
        self.arrived: list[tuple[FastLaneProtocol, bytes]] = []
        self.draining = False
        self._table: Table | None = None
        self._cache = RedirectCache()
        self._standing = StandingAnswers(self._cache)
        # The answers that were given and not counted yet, in their order.
        self._given: list[Redirection | StandingAnswer] = []
        self._turns = 0

    def serve(self) -> None:
        """Answer what was read in this turn, or hand it on to the parser.

        One turn's answers are written in one go, for a write wakes a client that is waiting, which costs more than
        the write itself, while for one that is still awake from the last it costs nothing.
        """
        started = time.perf_counter()
        arrived, self.arrived = self.arrived, []
        if not arrived:
            return
        first = arrived[0][0]
        now, state = first.loop.time(), first.server_state
        parts = _parts(tuple(state.default_headers), settings.FACADE_REDIRECT_MAX_AGE_SECONDS)
        if self._table is not live_table.table:
            self.count_given()
            self._table = live_table.table
            self._cache.clear()
        self._turns += 1
        turn = Turn(self._turns, state.default_headers)
        given, standing = self._given, []
        before = len(given)
        for connection, data in arrived:
            try:
                answer = self._answer(connection, data, parts, now, turn) if connection.ready else None
                if answer is None:
                    connection.go_on(data)
                    continue
            except Exception:
                # As the event loop does for an error in one connection's data_received: the others must not suffer.
                logger.exception("serving a connection failed; it is closed")
                connection.transport.abort()
                continue
            given.append(answer)
            if isinstance(answer, StandingAnswer):
                standing.append(answer)
            elif connection.is_logged:
                peer_address = connection.client[0] if connection.client else ""
                access_log.log_redirect(data, peer_address, time.perf_counter() - started)
        count = len(given) - before
        if count:
            state.total_requests += count
            counters.totals[REDIRECTS] += count - len(standing)
            settle(standing)
            counters.totals[FAST_BATCHES] += 1
            counters.totals[FAST_SECONDS] += time.perf_counter() - started
        self._cache.free_some(len(arrived))
        if len(given) > _MAX_GIVEN:
            self.count_given()

    def count_given(self) -> None:
        """Leave to the statistics what was answered since the last time."""
        if self._given:
            given, self._given = self._given, []
            if self._table is not None and pull_counting.is_on:
                pull_counting.add(self._table, given)

    def _answer(
        self, connection: FastLaneProtocol, data: bytes, parts: "_Parts", now: float, turn: Turn
    ) -> Redirection | StandingAnswer | None:
        """Answer with what the middleware would answer, if that is certainly a redirect, or in memory."""
        head, rest = split_host(data)
        known = self._cache.fields[connection.behind_proxy].get(rest)
        standing = None
        if self._cache.standing and (known is None or head not in known[1]):
            standing = self._standing.find(connection, head, rest, turn)
        if standing is None:
            redirection = self._redirect(connection, head, rest, parts, now)
            if redirection is not None or connection.decided is None:
                return redirection
            standing = self._standing.begin(connection, data, connection.decided, turn)
        if standing is not None:
            connection.decided = None
            connection.give(standing, now)
        return standing

    def _redirect(
        self, connection: FastLaneProtocol, head: bytes, rest: bytes, parts: "_Parts", now: float
    ) -> Redirection | None:
        known, kind = self._cache.fields[connection.behind_proxy].get(rest), None
        if known is None:
            read = self._read(rest, connection.behind_proxy)
            if read is None:
                return None
            fields, kind = read
            locations = self._cache.locations_of(kind)
        else:
            fields, locations = known
        redirection, closes = locations.get(head), fields.closes
        if redirection is None:
            line = parse_request_target(head) if len(head) <= _MAX_BYTES else None
            location = self._location(connection, line, fields) if line is not None else None
            if line is None or location is None:
                return None
            asked = kind or self._kind(fields, connection.behind_proxy)
            redirection = Redirection(head, asked, location)
            if line.closes:
                closes = True
            else:
                self._cache.store(asked, head, redirection)
        connection.answer(parts, redirection.location, closes, now)
        if kind is not None and not fields.authorized:
            self._cache.store_fields(connection.behind_proxy, rest, fields, kind)
        return redirection

    def _read(self, rest: bytes, behind_proxy: bool) -> tuple[HeaderFields, Kind] | None:
        fields = parse_header_fields(rest) if len(rest) <= _MAX_BYTES else None
        if fields is None or self._table is None or (behind_proxy and fields.forwarded_host is None):
            return None
        return fields, self._kind(fields, behind_proxy)

    def _kind(self, fields: HeaderFields, behind_proxy: bool) -> Kind:
        assert self._table is not None
        client = self._table.policy.clients.of(fields.user_agent)
        counted = UNNOTED if fields.unnoted else pull_client(fields.user_agent)
        return Kind(client, fields.authorized, (behind_proxy and fields.forwarded_host) or "", counted)

    def _location(self, connection: FastLaneProtocol, head: RequestTarget, fields: HeaderFields) -> bytes | None:
        if self._table is None:
            return None
        method, host, path, query, is_http_1_0 = head
        if connection.behind_proxy and fields.forwarded_host:
            host = fields.forwarded_host
        request = Request(method, host, path, query, fields.user_agent, fields.authorized, is_http_1_0)
        decision = decide(self._table, request)
        if isinstance(decision, Redirect):
            return decision.location.encode("latin-1")
        connection.decided, connection.asked_to_close = Decided(self._table, request, decision), fields.closes
        return None


_batch = _BatchWriter()


def drain() -> None:
    """From now on every answer of this process is its connection's last one."""
    _batch.draining = True


def count_given() -> None:
    """Leave to the statistics what this process has redirected until now."""
    _batch.count_given()


def is_draining() -> bool:
    """Whether `drain` was called."""
    return _batch.draining


def take_arrived(connection: FastLaneProtocol) -> list[bytes]:
    """What was read from a connection and not looked at yet; it is not looked at here any more."""
    taken = [data for owner, data in _batch.arrived if owner is connection]
    if taken:
        _batch.arrived[:] = [(owner, data) for owner, data in _batch.arrived if owner is not connection]
    return taken


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

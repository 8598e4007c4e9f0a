"""Manifests from memory in the fast lane: what was worked out once for a request holds for all that are like it.

Requests are alike where all of their bytes are the same, but for the token. `decide()` came first, by the table that
is in force; with another one, all of this is forgotten. What the request is about, and that it may be answered from
memory at all, does not change meanwhile. All else is looked at anew: whether this caller's token would be let through,
for each request; whether the repository is known to be public, and what a tag is, once in each turn of the event loop
that has such requests, after they were read. So a request that comes by itself finds what any other would.

No token is kept, and no manifest's bytes beyond the turn. See docs/decisions/0093.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from routing.core.decisions import Relay
from routing.core.grammar.client_families import UNNOTED, pull_client
from routing.dataplane.pulls.asked import Asked, Outcome
from routing.dataplane.remembered.answers import (
    age_of,
    answer_of,
    count_hits,
    is_let_through,
    may_answer,
    recalled_at_once,
    stands,
)
from routing.dataplane.request.client_request import ClientRequest, from_plain
from routing.dataplane.serving.handler import Decided
from routing.dataplane.serving.raw_request import parse_header_fields, split_host, split_token
from routing.dataplane.serving.redirect_cache import RedirectCache, StandingKey
from routing.dataplane.serving.relay_cycle import JOINED_BYTES, head_of, server_lines, takes
from routing.dataplane.telemetry.counters import answers_key, counters
from routing.dataplane.upstream.dispatch import caught, noticed
from routing.manifest_store.store import Manifest

if TYPE_CHECKING:
    from routing.dataplane.serving.fast_lane import FastLaneProtocol

# An answer that is longer waits, as any other, until its client has taken it.
_MOST_BYTES = 64 * 1024
_MAX_FIELDS_BYTES = 4096


class Turn(NamedTuple):
    """A turn of the event loop, by its number, and uvicorn's own header fields in it."""

    number: int
    default_headers: Sequence[tuple[bytes, bytes]]


class _Head(NamedTuple):
    """The head of an answer, but for its last line, and all that it depends on."""

    manifest: Manifest
    age: int
    lines: bytes
    status: int
    text: bytes


class StandingAnswer:
    """What requests get that are alike. Each is itself alone, so that many are counted at once."""

    __slots__ = ("_body", "_decision", "_head", "_is_known", "_request", "_turn", "asked", "closes")

    def __init__(self, decision: Relay, request: ClientRequest, *, closes: bool) -> None:
        self._decision = decision
        # Of the token only whether it would be let through counts, and that is asked for each.
        fields = {name: value for name, value in request.fields.items() if name != "authorization"}
        self._request = request._replace(fields=fields)
        client = UNNOTED if request.unnoted else pull_client(request.user_agent)
        host = request.for_decision().host
        #: The requests that it answers, for statistics.
        self.asked = Asked(request.method, host, request.path, client, Outcome.REMEMBERED)
        #: Whether they ask to close the connection.
        self.closes = closes
        self._turn, self._is_known = 0, False
        self._head: _Head | None = None
        self._body = b""

    def lets_through(self, authorization: str) -> bool:
        """Whether a caller that brings this would be relayed."""
        return is_let_through(authorization, self._decision)

    def is_known_in(self, turn: Turn) -> bool:
        """Whether the memory has it, now. False says nothing: to find out takes longer."""
        if turn.number != self._turn:
            self._turn = turn.number
            self._is_known = self._recall(turn)
        return self._is_known

    def parts(self, end: bytes) -> tuple[bytes, ...]:
        """What is written, of an answer that is known in this turn. `end` is what ends its head."""
        assert self._head is not None
        if len(self._body) <= JOINED_BYTES:
            return (b"".join((self._head.text, end, self._body)),)
        return self._head.text + end, self._body

    def settle(self, number: int) -> None:
        """Count so many answers of this turn, and let go of the bytes."""
        assert self._head is not None
        assert self._decision.endpoint is not None
        count_hits(self._decision.endpoint.reference, len(self._body), number)
        counters.add(answers_key("relay", self._head.status), number)
        self._turn, self._body = 0, b""

    def _recall(self, turn: Turn) -> bool:
        try:
            found = recalled_at_once(self._decision, self._request, _MOST_BYTES)
        except Exception as unforeseen:
            # The usual way tells better what is the matter.
            caught(unforeseen)
            return False
        if found is None:
            return False
        head, manifest, age = self._head, found.kept.manifest, age_of(found)
        lines = server_lines(tuple(turn.default_headers))
        if head is None or head.manifest is not manifest or (head.age, head.lines) != (age, lines):
            answer = answer_of(found, self._request, age)
            noticed(self._decision, answer)
            text = head_of(lines, answer, has_body=self._request.method != "HEAD")
            self._head = head = _Head(manifest, age, lines, answer.status, text)
        self._body = found.kept.body if head.status == 200 and self._request.method != "HEAD" else b""
        return True


class StandingAnswers:
    """Of a process; kept in the fast lane's memory, within its bound."""

    def __init__(self, cache: RedirectCache) -> None:
        self._cache = cache

    def find(self, connection: FastLaneProtocol, head: bytes, rest: bytes, turn: Turn) -> StandingAnswer | None:
        """What a request gets that is like an earlier one; None where it has to be looked at."""
        if connection.is_logged or len(rest) > _MAX_FIELDS_BYTES:
            return None
        authorization, fields = split_token(rest)
        standing = self._cache.standing.get(StandingKey(connection.behind_proxy, bool(authorization), head, fields))
        if standing is None or not standing.lets_through(authorization):
            return None
        return standing if standing.is_known_in(turn) else None

    def begin(self, connection: FastLaneProtocol, data: bytes, decided: Decided, turn: Turn) -> StandingAnswer | None:
        """The same of a request that was decided on, and what it gets stands from now on; None: ask the usual way."""
        decision = decided.decision
        if connection.is_logged or not isinstance(decision, Relay) or not takes(decided):
            return None
        if decision.endpoint is None or not stands(decision.endpoint.reference):
            return None
        peer_address = connection.client[0] if connection.client else ""
        request = from_plain(data, decided.request, connection.scheme or "http", peer_address)
        if not may_answer(decided.table, decision, request):
            return None
        standing = StandingAnswer(decision, request, closes=connection.asked_to_close)
        if not standing.lets_through(request.authorization) or not standing.is_known_in(turn):
            return None
        head, rest = split_host(data)
        authorization, fields = split_token(rest)
        read = parse_header_fields(fields)
        if read is not None and not read.authorized:
            # Any other Authorization is among the fields, and those are kept for nobody.
            key = StandingKey(connection.behind_proxy, bool(authorization), head, fields)
            self._cache.store_standing(key, standing)
        return standing


def settle(given: Sequence[StandingAnswer]) -> None:
    """Count what was given in this turn."""
    if not given:
        return
    for standing, number in Counter(given).items():
        standing.settle(number)

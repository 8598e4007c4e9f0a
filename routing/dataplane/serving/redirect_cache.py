"""What the fast lane remembers of earlier requests, as long as one table is in force.

The bound is FACADE_REMEMBERED_ANSWERS_BYTES. See docs/decisions/0015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings

from routing.core.grammar.client_families import PullClient
from routing.core.grammar.user_agents import ClientProfile
from routing.dataplane.pulls.asked import Asked, Outcome
from routing.dataplane.serving.raw_request import HeaderFields, parse_request_target

if TYPE_CHECKING:
    from routing.dataplane.serving.standing_answers import StandingAnswer

# What a location takes beside its bytes and its head's: objects' headers and a place in a dictionary. Fields are kept
# as they came and as they were read.
_OVERHEAD_BYTES = 320
_FIELDS_OVERHEAD_BYTES = 512
# A standing answer keeps its head, and what it was made for.
_STANDING_OVERHEAD_BYTES = 4096
_GIVEN_BACK_AT_ONCE = 256


class Kind(NamedTuple):
    """What a location depends on, beside the head and the table; and `counted`, by which its requests are counted."""

    client: ClientProfile
    authorized: bool
    forwarded_host: str
    counted: PullClient = PullClient()


class Redirection:
    """Where requests of one head and kind are redirected. Each is itself alone, so that many are counted at once."""

    __slots__ = ("_head", "_kind", "location")

    def __init__(self, head: bytes, kind: Kind, location: bytes) -> None:
        self._head, self._kind, self.location = head, kind, location

    @property
    def asked(self) -> Asked:
        """The requests that it answers, for statistics."""
        line = parse_request_target(self._head)
        assert line is not None
        host = self._kind.forwarded_host or line.host
        return Asked(line.method, host, line.path, self._kind.counted, Outcome.REDIRECTED)


class StandingKey(NamedTuple):
    """What makes requests alike that are answered from memory: all of their bytes but for the token.

    `authorized`: there is one. `fields` are without it.
    """

    behind_proxy: bool
    authorized: bool
    head: bytes
    fields: bytes


# By the heads of requests, whose other fields make no difference between them.
Locations = dict[bytes, Redirection]
_NONE: Locations = {}


class RedirectCache:
    """Locations that were worked out, fields that were read, and answers that stand; never anybody's credentials.

    Nothing is kept of a request that got neither a redirect nor an answer from memory. One bound holds for all.
    """

    def __init__(self) -> None:
        # By whether the peer is a trusted proxy: fields as they came, to the byte, with what they come to and the
        # locations that go with that.
        self.fields: dict[bool, dict[bytes, tuple[HeaderFields, Locations]]] = {False: {}, True: {}}
        self._locations: dict[Kind, Locations] = {}
        #: What requests get from memory (standing_answers.py).
        self.standing: dict[StandingKey, StandingAnswer] = {}
        self._bytes = 0
        self._forgotten: list[dict[Any, Any]] = []

    def locations_of(self, kind: Kind) -> Locations:
        """The locations of such requests; not to be written."""
        return self._locations.get(kind, _NONE)

    def store(self, kind: Kind, head: bytes, redirection: Redirection) -> None:
        """Keep a location, unless there is no room for it; then begin anew."""
        added = len(head) + len(redirection.location) + _OVERHEAD_BYTES
        if kind not in self._locations:
            added += len(kind.forwarded_host) + _OVERHEAD_BYTES
        if self._has_room(added):
            self._locations.setdefault(kind, {})[head] = redirection

    def store_fields(self, behind_proxy: bool, rest: bytes, fields: HeaderFields, kind: Kind) -> None:
        """Keep what fields come to, of a request whose location is kept; begin anew where there is no room."""
        locations = self._locations.get(kind)
        if locations is not None and self._has_room(2 * len(rest) + _FIELDS_OVERHEAD_BYTES):
            self.fields[behind_proxy][rest] = (fields, locations)

    def store_standing(self, key: StandingKey, standing: StandingAnswer) -> None:
        """Keep an answer from memory, unless there is no room for it; then begin anew."""
        if self._has_room(2 * (len(key.head) + len(key.fields)) + _STANDING_OVERHEAD_BYTES):
            self.standing[key] = standing

    def clear(self) -> None:
        """Begin anew, at once; the memory itself is given back bit by bit, or it would hold up many answers."""
        kept: list[dict[Any, Any]] = [self.standing, *self._locations.values(), *self.fields.values()]
        self._forgotten.extend(each for each in kept if each)
        self.fields = {False: {}, True: {}}
        self._locations = {}
        self.standing = {}
        self._bytes = 0

    def free_some(self, added: int) -> None:
        """Give back a little of what was forgotten, and more than the number of what may have been added meanwhile."""
        for _ in range(_GIVEN_BACK_AT_ONCE + 2 * added):
            if not self._forgotten:
                return
            forgotten = self._forgotten[-1]
            forgotten.popitem()
            if not forgotten:
                self._forgotten.pop()

    def _has_room(self, added: int) -> bool:
        self._bytes += added
        if self._bytes > settings.FACADE_REMEMBERED_ANSWERS_BYTES:
            self.clear()
            return False
        return True

"""What the fast lane remembers of earlier requests, as long as one table is in force.

The bound is FACADE_REMEMBERED_ANSWERS_BYTES. See docs/decisions/0015.
"""

from django.conf import settings

from routing.core.grammar.user_agents import ClientProfile
from routing.dataplane.serving.raw_request import HeaderFields

# Where requests are redirected, by their heads, whose other fields make no difference between them.
Locations = dict[bytes, bytes]

# What a location takes beside its bytes and its head's: objects' headers and a place in a dictionary.
_OVERHEAD_BYTES = 256
_MAX_FIELDS = 4096
_GIVEN_BACK_AT_ONCE = 256


class RedirectCache:
    """Locations that were worked out, and fields that were read; never those with credentials."""

    def __init__(self) -> None:
        # By whether the peer is a trusted proxy: fields as they came, to the byte, with what they come to and the
        # locations that go with that.
        self.fields: dict[bool, dict[bytes, tuple[HeaderFields, Locations]]] = {False: {}, True: {}}
        # A location depends on the head, the table, and on these three.
        self._locations: dict[tuple[ClientProfile, bool, str], Locations] = {}
        self._bytes = 0
        self._forgotten: list[Locations] = []

    def locations_for(self, client: ClientProfile, authorized: bool, forwarded_host: str) -> Locations:
        """The locations of requests that such fields make no difference to."""
        key = (client, authorized, forwarded_host)
        locations = self._locations.get(key)
        if locations is None:
            self._bytes += _OVERHEAD_BYTES
            locations = self._locations[key] = {}
        return locations

    def store_fields(self, behind_proxy: bool, rest: bytes, fields: HeaderFields, locations: Locations) -> None:
        """Keep what fields come to."""
        kept = self.fields[behind_proxy]
        if len(kept) >= _MAX_FIELDS:
            kept.clear()
        kept[rest] = (fields, locations)

    def store(self, locations: Locations, head: bytes, location: bytes) -> None:
        """Keep a location, unless there is no room for it; then begin anew."""
        self._bytes += len(head) + len(location) + _OVERHEAD_BYTES
        if self._bytes > settings.FACADE_REMEMBERED_ANSWERS_BYTES:
            self.clear()
        else:
            locations[head] = location

    def clear(self) -> None:
        """Begin anew, at once; the memory itself is given back bit by bit, or it would hold up many answers."""
        self._forgotten.extend(locations for locations in self._locations.values() if locations)
        self.fields = {False: {}, True: {}}
        self._locations = {}
        self._bytes = 0

    def free_some(self, added: int) -> None:
        """Give back a little of what was forgotten, and more than the number of what may have been added meanwhile."""
        for _ in range(_GIVEN_BACK_AT_ONCE + added):
            if not self._forgotten:
                return
            locations = self._forgotten[-1]
            locations.popitem()
            if not locations:
                self._forgotten.pop()

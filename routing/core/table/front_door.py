"""What people find at a hostname, in the one string in which the routing table holds it.

It stands in the hostname's own entry, so that it comes and goes with one change, and pages need no query. Hostnames
that have none cost nothing for it.
"""

import json
from functools import lru_cache

from routing.core.grammar.front_door import FrontDoor, ListedRepository

NO_FRONT_DOOR = FrontDoor()


def pack_front_door(front: FrontDoor) -> str:
    """In one string; "" where nothing was written."""
    return "" if front == NO_FRONT_DOOR else json.dumps(front, separators=(",", ":"))


@lru_cache(1024)
def parse_packed_front_door(packed: str) -> FrontDoor:
    """The same again; nothing where there is none, or nothing that this release knows."""
    if not packed:
        return NO_FRONT_DOOR
    try:
        *parts, repositories = json.loads(packed)
        title, text, link, leads_on, colour = parts
        return FrontDoor(title, text, link, leads_on, colour, tuple(ListedRepository(*each) for each in repositories))
    except (ValueError, TypeError):
        return NO_FRONT_DOOR

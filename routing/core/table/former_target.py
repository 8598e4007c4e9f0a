"""Where a mapping led before it was repointed, for as long as a pull that began there may need it.

It stands in the mapping's own entry, so that it comes and goes with one change, and a table that carries none costs
nothing for it. The end is a time and not a change: nobody has to do anything for it to be over.
"""

from typing import NamedTuple

_FIELDS = 5


class FormerTarget(NamedTuple):
    """`until` is in seconds since 1970; the registry is its key in the table, the challenge as in `MappingEntry`."""

    until: int
    registry: str
    upstream_prefix: str
    private: bool = False
    challenge: str = ""

    def packed(self) -> str:
        """In one string, the end first: so such strings are in the order of their ends."""
        return f"{self.until:010} {self.registry} {int(self.private)} {self.upstream_prefix} {self.challenge}"


def parse_former(packed: str) -> FormerTarget | None:
    """The former target again; None where there is none, or nothing that this release knows."""
    parts = packed.split(" ", _FIELDS - 1)
    if len(parts) != _FIELDS or not parts[0].isdecimal():
        return None
    until, registry, private, upstream_prefix, challenge = parts
    return FormerTarget(int(until), registry, upstream_prefix, private == "1", challenge)

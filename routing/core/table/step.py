"""A part of a mapping's repositories that leads elsewhere already, while the mapping is repointed step by step.

It stands in the mapping's own entry, as a former target does. Which repositories these are follows from their names
alone: not from the request, its tag or its client, so that no pull has a part of each. Whoever knows a name and the
share knows the side, on any worker of any release.
"""

from hashlib import blake2b
from typing import NamedTuple

#: All repositories, in the unit of shares.
WHOLE = 10_000
_FIELDS = 4


class Step(NamedTuple):
    """The part, and where it leads. `share` is in ten-thousandths; the registry is its key in the table.

    `until`, in seconds since 1970: for so long content that is missing there is asked for where the others lead. 0 for
    not at all.
    """

    share: int
    until: int
    registry: str
    upstream_prefix: str

    def packed(self) -> str:
        """In one string."""
        return f"{self.share} {self.until} {self.registry} {self.upstream_prefix}"

    def takes(self, name: str) -> bool:
        """Whether a repository is one of the part, by its whole name below the hostname."""
        return place_of(name) < self.share


def place_of(name: str) -> int:
    """Where a repository stands among all, from 0: a share takes those that stand below it.

    So a share that grows adds some, and leaves none out that it had.
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % WHOLE


def parse_step(packed: str) -> Step | None:
    """The step again; None where there is none, or nothing that this release knows."""
    parts = packed.split(" ", _FIELDS - 1)
    if len(parts) != _FIELDS or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    share, until, registry, upstream_prefix = parts
    return Step(int(share), int(until), registry, upstream_prefix)

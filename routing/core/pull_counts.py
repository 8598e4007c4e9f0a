"""What numbers of pulls are kept: their names, and the bounds of how many rows there may be.

A hostname has only so many rows of a kind in one hour or day, and a tenant ten times as many: what is new beyond that
is added to the hostname's row of everything else, whose names are empty.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

#: A tenant has so many hostnames' worth of rows.
HOSTNAMES_WORTH = 10


class Grain(StrEnum):
    """The time that a row is about: each is counted by itself."""

    HOUR = "hour"
    DAY = "day"


def start_of(grain: str, moment: datetime) -> datetime:
    """When the hour or the day began that a moment lies in (UTC)."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if grain == Grain.HOUR else hour.replace(hour=0)


class Names(NamedTuple):
    """What a row is about. `tenant` is its key in the routing table, "" for none; `others` are the shape's names."""

    tenant: str
    hostname: str
    others: tuple[str, ...]


class Shape(NamedTuple):
    """A kind of rows: its names and numbers, in their order. `most`: how many a hostname may have, at the most."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    most: int = 2**31

    def bound(self, rows_per_hostname: int) -> int:
        """How many rows a hostname may have where it may have so many at all."""
        return min(self.most, rows_per_hostname)

    def everything_else(self, names: Names) -> Names:
        """The row to which that is added for which there is no other."""
        # Of hosts that nobody has even the name goes, or there would be no bound.
        return Names(names.tenant, names.hostname if names.tenant else "", ("",) * len(self.names))


#: Requests for manifests of mapped repositories.
PULL_SHAPE = Shape(
    ("mapping", "repository", "client", "major", "platform", "target"),
    ("tags", "digests", "looks", "redirected", "remembered", "relayed", "refused", "failed"),
)
#: Tags and digests that were asked for.
REFERENCE_SHAPE = Shape(("repository", "reference"), ("requests",))
#: What was asked for and leads nowhere. The top few do: they show a typo, and who was forgotten.
ORPHAN_SHAPE = Shape(("repository",), ("requests",), most=50)

#: Numbers to be added, by the rows that they go to.
Batch = Mapping[Names, Sequence[int]]

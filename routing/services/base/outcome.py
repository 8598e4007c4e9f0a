"""What a verb did."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Outcome(Generic[Row]):
    """The row as it is now, whether anything changed, and in words what was done beyond what the caller asked for.

    `asks_anew`: what a probe asks about is another now.
    """

    row: Row
    changed: bool
    notes: list[str] = field(default_factory=list)
    asks_anew: bool = False

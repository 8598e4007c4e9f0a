"""How a registry has answered, as numbers for a template that draws it as SVG: a strip of cells, and bars of how long.

A cell is told by its height as well as by its colour: the higher, the more trouble.
"""

from collections.abc import Sequence
from typing import NamedTuple

from routing.admin.base.chart import bar_height, label_of, round_up
from routing.core.pull_counts import Grain
from routing.services.registries.health import Answers, Slot

#: Units of both drawings, which are stretched to the room that they have.
HEIGHT, _STEP, _WIDTH = 100, 10, 8
_HEIGHTS = {Answers.ALL: 40, Answers.SOME: 70, Answers.NONE: 100, Answers.UNKNOWN: 6}
_CLASSES = {Answers.ALL: "all", Answers.SOME: "some", Answers.NONE: "none", Answers.UNKNOWN: "unknown"}


class Cell(NamedTuple):
    """One hour or day: its cell in the strip, and its bar of how long answers took (0 high where there were none)."""

    label: str
    slot: Slot
    kind: str
    x: int
    y: int
    height: int
    bar_y: float
    bar_height: float


class Strip(NamedTuple):
    """Cells from left to right, the earliest first. `slowest`: milliseconds that the bars' full height stands for."""

    cells: list[Cell]
    width: int
    unit: str
    slowest: int
    counts: list[tuple[str, str, int]]

    @property
    def cell_width(self) -> int:
        """Of each cell, and each bar."""
        return _WIDTH

    @property
    def latest_first(self) -> list[Cell]:
        """As the table has those of which anything is known."""
        return [cell for cell in self.cells[::-1] if cell.slot.asked or cell.slot.failed_pulls]

    @property
    def words(self) -> str:
        """The strip, for who doesn't see it."""
        return ", ".join(f"{number} {word}" for _, word, number in self.counts)


def strip_of(slots: Sequence[Slot], grain: Grain) -> Strip:
    """The strip of these slots."""
    slowest = round_up(max((slot.mean_ms or 0 for slot in slots), default=0))
    cells = [_cell(place, slot, grain, slowest) for place, slot in enumerate(slots)]
    counts = [(_CLASSES[word], word.value, sum(slot.answers is word for slot in slots)) for word in Answers]
    return Strip(cells, max(1, len(cells)) * _STEP, grain.value, slowest, counts)


def _cell(place: int, slot: Slot, grain: Grain, slowest: int) -> Cell:
    height, bar = _HEIGHTS[slot.answers], bar_height(slot.mean_ms or 0, slowest)
    return Cell(
        label_of(slot.at, grain),
        slot,
        _CLASSES[slot.answers],
        place * _STEP + 1,
        HEIGHT - height,
        height,
        round(HEIGHT - bar, 1),
        bar,
    )

"""A chart of bars over time, as numbers for a template that draws it as SVG. No script, and no style of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils import formats, timezone

from routing.core.pull_counts import Grain
from routing.services.pulls.reading import Point

#: Units of the drawing, which is stretched to the room that it has.
HEIGHT = 100
_STEP, _WIDTH = 10, 8
# What is there is seen, however little it is beside the greatest.
_LEAST = 1.5


class Bar(NamedTuple):
    """One hour or day: what was pulled, and above it what was refused or failed."""

    label: str
    pulls: int
    missed: int
    x: int
    y: float
    height: float
    missed_y: float
    missed_height: float


class Chart(NamedTuple):
    """Bars from left to right, the earliest first. `most` is what the drawing's full height stands for."""

    bars: list[Bar]
    width: int
    most: int
    unit: str
    pulls: int
    missed: int

    @property
    def height(self) -> int:
        """Of the drawing."""
        return HEIGHT

    @property
    def bar_width(self) -> int:
        """Of each bar."""
        return _WIDTH

    @property
    def latest_first(self) -> list[Bar]:
        """As the table under it has them."""
        return self.bars[::-1]


def chart_of(points: Sequence[Point], grain: Grain) -> Chart:
    """The chart of these points."""
    most = round_up(max((point.pulls + point.missed for point in points), default=0))
    bars = [_bar(number, point, grain, most) for number, point in enumerate(points)]
    pulls, missed = sum(point.pulls for point in points), sum(point.missed for point in points)
    return Chart(bars, max(1, len(bars)) * _STEP, most, grain.value, pulls, missed)


def _bar(number: int, point: Point, grain: Grain, most: int) -> Bar:
    height, missed = bar_height(point.pulls, most), bar_height(point.missed, most)
    y = round(HEIGHT - height, 1)
    label = label_of(point.at, grain)
    return Bar(label, point.pulls, point.missed, number * _STEP + 1, y, height, round(y - missed, 1), missed)


def bar_height(number: int, most: int) -> float:
    """How high a number's bar is, where `most` is as high as the drawing."""
    return round(max(_LEAST, number * (HEIGHT - _LEAST) / most), 1) if number else 0


def label_of(at: datetime, grain: Grain) -> str:
    """The hour or the day that begins then."""
    # Days are those of UTC, whoever looks.
    if grain is Grain.DAY:
        return formats.date_format(at, "j M Y")
    local = timezone.localtime(at)
    return f"{formats.date_format(local, 'j M Y')}, {local:%H:%M %Z}"


def round_up(number: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50 … that is not below."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if number <= step * scale:
                return step * scale
        scale *= 10

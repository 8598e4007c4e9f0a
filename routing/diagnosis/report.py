"""What the doctor found: a step a line, each with what was asked, what came, how long it took, and what to do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

from routing.core.grammar.printable import printable

_MAX_LENGTH = 400


class Mark(StrEnum):
    """What came of a step. `WARNING`: clients get through, but something is not as it should be."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"

    @property
    def sign(self) -> str:
        """The same as a sign before the line."""
        return {"good": "✓", "warning": "!", "bad": "✗", "skipped": "?"}[self]


class Step(NamedTuple):
    """One step. `advice` is the one thing to do; empty where there is nothing to do."""

    name: str
    mark: Mark
    asked: str
    came: str
    advice: str = ""
    milliseconds: int = 0


class Report:
    """The steps, in the order in which they were taken."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @property
    def is_good(self) -> bool:
        """Whether nothing was found that keeps clients out."""
        return all(step.mark is not Mark.BAD for step in self.steps)

    def add(self, step: Step) -> Step:
        """Take one more step down, in characters that upset no terminal."""
        texts = (printable(text)[:_MAX_LENGTH] for text in (step.asked, step.came, step.advice))
        asked, came, advice = texts
        self.steps.append(step._replace(asked=asked, came=came, advice=advice))
        return step

    def skip(self, name: str, why: str) -> None:
        """Say that a step was not taken, and why."""
        self.add(Step(name, Mark.SKIPPED, "", why))

    @contextmanager
    def step(self, name: str, asked: str) -> Iterator["Taking"]:
        """Take a step: what happens within is timed, and what is said in the end is taken down."""
        taking = Taking()
        started = time.perf_counter()
        yield taking
        milliseconds = round((time.perf_counter() - started) * 1000)
        self.add(Step(name, taking.mark, asked, taking.came, taking.advice, milliseconds))


class Taking:
    """A step that is being taken. Without a word of what came it is a good one."""

    def __init__(self) -> None:
        self.mark, self.came, self.advice = Mark.GOOD, "", ""

    def good(self, came: str) -> None:
        """It is as it should be."""
        self.mark, self.came, self.advice = Mark.GOOD, came, ""

    def warning(self, came: str, advice: str) -> None:
        """Clients get through; this should be seen to all the same."""
        self.mark, self.came, self.advice = Mark.WARNING, came, advice

    def bad(self, came: str, advice: str) -> None:
        """This keeps clients out."""
        self.mark, self.came, self.advice = Mark.BAD, came, advice

    def skipped(self, came: str) -> None:
        """Nothing was found out."""
        self.mark, self.came, self.advice = Mark.SKIPPED, came, ""

    @property
    def is_bad(self) -> bool:
        """Whether it keeps clients out."""
        return self.mark is Mark.BAD

"""One step of a comparison: as many references as there is time for, some at once, in their order.

A step ends in good order where its time is over, where a registry wants to be left alone, and where one can't be
reached. What it has done is the beginning of what it was given, so that the next step begins behind that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.registries.exceptions import RegistryError
from routing.verification.comparison import Pair
from routing.verification.differences import Difference, Kind
from routing.verification.reader import RateLimited

#: So many references are compared at once, each with one question at a time.
CONCURRENCY = 16
#: No reference is begun later, and none goes on for longer; in seconds from the step's begin.
BEGIN_SECONDS, STEP_SECONDS = 8.0, 20.0
#: So many in a row whose registry can't be reached end a step.
_UNREACHABLE_IN_A_ROW = 3


class Errand(NamedTuple):
    """One reference of one repository."""

    piece: int
    reference: str


@dataclass
class Step:
    """What a step did. `pause_seconds`: when to come back; `trouble`: why it could not go on, "" where it could."""

    done: int = 0
    differences: list[tuple[int, Difference]] = field(default_factory=list)
    pause_seconds: int = 0
    trouble: str = ""


class Walk:
    """Goes through errands. One for each step."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        errands: Sequence[Errand],
        concurrency: int = CONCURRENCY,
        seconds: float = STEP_SECONDS,
    ) -> None:
        self._pairs, self._errands, self._concurrency = pairs, errands, concurrency
        self._seconds = min(seconds, STEP_SECONDS)
        self._next, self._found = 0, dict[int, list[Difference]]()
        self._unreachable: dict[int, str] = {}
        self._step = Step()
        self._ends = self._is_late = False

    async def run(self) -> Step:
        """Do as many as can be done. Never raises for what registries do."""
        begin_until = time.monotonic() + min(BEGIN_SECONDS, self._seconds)
        workers = [asyncio.create_task(self._work(begin_until)) for _ in range(self._concurrency)]
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(*workers)
        except TimeoutError:
            self._is_late = True
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return self._finished()

    async def _work(self, begin_until: float) -> None:
        while not self._ends and self._next < len(self._errands) and time.monotonic() < begin_until:
            number = self._next
            self._next += 1
            errand = self._errands[number]
            try:
                self._found[number] = await self._pairs[errand.piece].compare(errand.reference)
            except RateLimited as limit:
                self._ends = True
                if limit.seconds > self._step.pause_seconds:
                    self._step.pause_seconds, self._step.trouble = limit.seconds, str(limit)
            except RegistryError as error:
                self._unreachable[number] = str(error)
                if self._in_a_row(number) >= _UNREACHABLE_IN_A_ROW:
                    self._ends = True

    def _in_a_row(self, number: int) -> int:
        first = last = number
        while first - 1 in self._unreachable:
            first -= 1
        while last + 1 in self._unreachable:
            last += 1
        return last - first + 1

    def _finished(self) -> Step:
        """The beginning of the errands that is done; one that its registry alone kept from it counts as done."""
        step = self._step
        for number, errand in enumerate(self._errands):
            found = self._found.get(number)
            if found is None and number in self._unreachable:
                if self._ends and self._in_a_row(number) >= _UNREACHABLE_IN_A_ROW:
                    step.trouble = step.trouble or self._unreachable[number]
                    break
                found = [Difference(Kind.COULD_NOT_ASK, errand.reference, self._unreachable[number])]
            if found is None:
                break
            step.differences += [(errand.piece, each) for each in found]
            step.done += 1
        if self._is_late and not step.done and self._errands:
            # Or else the next step would wait for the same.
            errand, said = self._errands[0], f"it was not compared within {self._seconds:.0f} s"
            step.differences, step.done = [(errand.piece, Difference(Kind.COULD_NOT_ASK, errand.reference, said))], 1
        return step

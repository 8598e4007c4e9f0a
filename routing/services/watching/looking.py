"""One comparison of a former target with the present one, or of a target with its standby: asks registries, and knows
no database.

HEAD alone, as nobody: a tag's digest at both. Docker Hub counts none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from routing.conf import client_limits, guard_policy
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.verification.reader import NotReadable, RateLimited, RegistryReader, Tally
from routing.verification.work import Piece, Switch, list_work, sample_of

#: So many references are looked at each time, two questions each, and so many tags are known by name.
MAX_REFERENCES, MAX_KNOWN = 100, 2_000
#: One comparison ends after so long, wherever it is.
LOOK_SECONDS = 30.0
_AT_ONCE = 8


class DriftKind(StrEnum):
    """Every way in which the former target differs from the present one, or the target from its standby."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> DriftKind:
        """A member is its value, and knows its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    MOVED = "moved", "The tag was moved at the former target since the switch: somebody still pushes there."
    APPEARED = (
        "appeared",
        "The tag came to the former target after the switch, and is not the same here.",
    )
    MISSING = (
        "missing",
        "The former target has the tag, the present one does not. Of a standby: the target has it, the standby does "
        "not.",
    )
    DIFFERS = (
        "differs",
        "Both have the tag, and it is not the same image; the former target has what it had. Of a standby: both have "
        "it, and it is not the same image.",
    )


class Drift(NamedTuple):
    """One reference that drifted. `source` is the repository as people pull it; a digest is "" where none is there."""

    kind: str
    source: str
    reference: str
    old_digest: str
    new_digest: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it another one, whatever digest it has by now."""
        return self.kind, self.source, self.reference


class Baseline(NamedTuple):
    """What the one side had before: by repository, tags with their digests, "" where nobody looked.

    `is_whole`: all of its tags are here, so that any other one appeared since.
    """

    is_whole: bool = False
    tags: dict[str, dict[str, str]] = {}


@dataclass
class Look:
    """What a comparison found. `pause_seconds`: how long a registry wants to be left alone."""

    drift: list[Drift] = field(default_factory=list)
    compared: int = 0
    baseline: Baseline = field(default_factory=Baseline)
    trouble: str = ""
    pause_seconds: int = 0

    def has_trouble(self, trouble: str) -> None:
        """Note what kept it from looking at everything; the first is told."""
        self.trouble = self.trouble or trouble


def look(switch: Switch, baseline: Baseline) -> Look:
    """Compare, in this thread. Never raises for what registries do."""
    return asyncio.run(_look(switch, baseline, frozenset()))


def look_at_standby(switch: Switch, baseline: Baseline, known: Collection[Drift]) -> Look:
    """Compare a target with its standby, in this thread: what the one has, and the other has not, or not the same.

    `known`: what had drifted the last time; it is looked at first. It does not matter since when a tag is there.
    """
    found = asyncio.run(_look(switch, baseline, frozenset((each.source, each.reference) for each in known)))
    kinds = {True: DriftKind.DIFFERS, False: DriftKind.MISSING}
    found.drift = [each._replace(kind=kinds[bool(each.new_digest)]) for each in found.drift]
    return found


def baseline_of(facts: dict[str, Any]) -> Baseline:
    """The baseline again, as it was kept; an empty one where there is none."""
    return Baseline(**facts) if facts else Baseline()


async def _look(switch: Switch, baseline: Baseline, first: Collection[tuple[str, str]]) -> Look:
    found, tally = Look(), Tally()
    async with RegistryClient(guard_policy(), client_limits()) as client:
        readers = {side.origin: RegistryReader(client, side.origin, tally) for side in (switch.old, switch.new)}
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await _compare(switch, readers, baseline, first, found)
        except RateLimited as limit:
            found.pause_seconds = limit.seconds
            found.has_trouble(str(limit))
        except TimeoutError:
            found.has_trouble(f"not everything was compared within {LOOK_SECONDS:.0f} s")
    return found


async def _compare(
    switch: Switch,
    readers: dict[str, RegistryReader],
    baseline: Baseline,
    first: Collection[tuple[str, str]],
    found: Look,
) -> None:
    work = await list_work([switch], readers, [], MAX_KNOWN)
    for _, _, difference in work.differences:
        found.has_trouble(difference.detail)
    if not work.total:
        found.has_trouble("no tag is known to compare")
    tags: dict[str, dict[str, str]] = {piece.old: dict.fromkeys(piece.references, "") for piece in work.pieces}
    found.baseline = Baseline(work.total < MAX_KNOWN, tags)
    old, new = readers[switch.old.origin], readers[switch.new.origin]
    for piece, references in _chosen(work.pieces, baseline, first):
        places = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                for reference in references:
                    group.create_task(_one(piece, reference, (old, new), baseline, found, places))
        except* RateLimited as limits:
            raise limits.exceptions[0] from None
        except* (RegistryError, NotReadable) as errors:
            found.has_trouble(f"{piece.source}: {errors.exceptions[0]}")


def _chosen(
    pieces: list[Piece], baseline: Baseline, first: Collection[tuple[str, str]]
) -> list[tuple[Piece, list[str]]]:
    """What is looked at: what comes first, what appeared since, then the same as before."""
    chosen, room = [], MAX_REFERENCES
    for number, piece in enumerate(pieces):
        # Each repository has its part of what is left.
        part = room // (len(pieces) - number)
        before = baseline.tags.get(piece.old)
        if before is None:
            references = sample_of(piece.references, part)
        else:
            urgent = [each for each in piece.references if (piece.source, each) in first]
            appeared = [each for each in piece.references if each not in before]
            as_before = (each for each in piece.references if before.get(each))
            references = list(dict.fromkeys([*urgent, *appeared, *as_before]))[:part]
        room -= len(references)
        chosen.append((piece, references))
    return chosen


async def _one(
    piece: Piece,
    reference: str,
    readers: tuple[RegistryReader, RegistryReader],
    baseline: Baseline,
    found: Look,
    places: asyncio.Semaphore,
) -> None:
    async with places:
        there = await readers[0].head(piece.old, reference)
        if there is None:
            # It was listed, and is gone by now.
            found.baseline.tags[piece.old].pop(reference, None)
            return
        here = await readers[1].head(piece.new, reference)
    found.compared += 1
    found.baseline.tags[piece.old][reference] = there.digest
    if here is not None and here.digest == there.digest:
        return
    kind = _kind_of(baseline, piece.old, reference, there.digest, has_none=here is None)
    found.drift.append(Drift(kind, piece.source, reference, there.digest, "" if here is None else here.digest))


def _kind_of(baseline: Baseline, repository: str, reference: str, digest: str, *, has_none: bool) -> DriftKind:
    before = baseline.tags.get(repository)
    if before is not None and reference not in before and baseline.is_whole:
        return DriftKind.APPEARED
    if before is not None and before.get(reference) not in (None, "", digest):
        return DriftKind.MOVED
    return DriftKind.MISSING if has_none else DriftKind.DIFFERS


def counts_of(drift: Collection[Drift]) -> dict[str, int]:
    """How many there are of each kind."""
    return {kind.value: number for kind in DriftKind if (number := sum(each.kind == kind for each in drift))}

"""Writes a report's rows: differences as they are found, and its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from routing.core.grammar.printable import printable
from routing.database.clock import database_now
from routing.models import Verification, VerificationDifference
from routing.services.base.unit_of_work import UnitOfWork
from routing.services.verifications.outlook import client_differences
from routing.verification.differences import Difference, Kind
from routing.verification.work import Piece

#: A report keeps so many rows; beyond that it counts.
MAX_ROWS = 20_000
_BATCH = 500


class Found(NamedTuple):
    """A difference, and what it is about: by the switch's number, and by the names that a repository has."""

    switch: int
    source: str
    difference: Difference
    old_repository: str = ""
    new_repository: str = ""


def add_differences(unit: UnitOfWork, row: Verification, found: Sequence[Found]) -> None:
    """Write down differences. The caller's transaction holds the report's row."""
    if not found:
        return
    room = max(0, MAX_ROWS - row.difference_count)
    VerificationDifference.objects.bulk_create([_row(row, each) for each in found[:room]], batch_size=_BATCH)
    counts = Counter(row.counts)
    counts.update(each.difference.kind.value for each in found)
    unit.save_without_history(row, counts=dict(counts), difference_count=row.difference_count + len(found))


def conclude(unit: UnitOfWork, row: Verification, state: str = Verification.State.DONE) -> None:
    """The report is over: what clients would meet is asked last, with all that was found out."""
    if state == Verification.State.DONE and not row.options["cost_only"]:
        for number, switch in enumerate(row.switches):
            refused = client_differences(switch, _facts_of(row, number))
            add_differences(unit, row, [Found(number, switch["source"], each) for each in refused])
    unit.save_without_history(row, state=state, finished_at=database_now(), not_before=None)
    unit.event(
        "verification.finished",
        verification_id=row.pk,
        tenant_id=row.tenant_id,
        state=str(state),
        compared=row.compared,
        differences=row.difference_count,
    )


def give_up_rest(unit: UnitOfWork, row: Verification, why: str) -> None:
    """What is left is not compared, and the report says so: a line for each repository."""
    behind, rows = row.compared, list[Found]()
    for each in row.work or ():
        piece = Piece(*each)
        left = max(0, len(piece.references) - behind)
        behind = max(0, behind - len(piece.references))
        if left:
            said = f"{left} of its references were not compared: {why}"
            rows.append(Found(piece.switch, piece.source, Difference(Kind.COULD_NOT_ASK, "", said)))
    if row.work is None:
        nobody_knows = Difference(Kind.COULD_NOT_ASK, "", why)
        rows = [Found(number, each["source"], nobody_knows) for number, each in enumerate(row.switches)]
    add_differences(unit, row, rows)
    conclude(unit, row, Verification.State.FAILED)


def _facts_of(row: Verification, switch: int) -> dict[str, Any]:
    """What is known of one repository below a switch: of that of which most is known."""
    best: dict[str, Any] = {}
    source = row.switches[switch]["source"]
    for number, each in enumerate(row.work or ()):
        piece = Piece(*each)
        facts = row.facts.get(str(number))
        if piece.switch == switch and facts and (not best or facts["new_delivery"] != "unknown"):
            best = {**facts, "rest": piece.source[len(source) :].strip("/")}
            if best["new_delivery"] != "unknown":
                break
    return best


def _row(row: Verification, found: Found) -> VerificationDifference:
    difference = found.difference
    return VerificationDifference(
        verification=row,
        switch=found.switch,
        kind=difference.kind.value,
        source=found.source,
        old_repository=found.old_repository,
        new_repository=found.new_repository,
        reference=difference.reference,
        # A registry may have written a part of it.
        detail=printable(difference.detail)[:1000],
        old_digest=difference.old_digest,
        new_digest=difference.new_digest,
    )

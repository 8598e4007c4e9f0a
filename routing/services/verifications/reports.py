"""A report as programs and people read it: facts, and lines of CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from routing.models import Verification, VerificationDifference
from routing.services.base.csv_text import text_cell
from routing.verification.copy_plan import Copy, Repositories, Tool, copy_plan
from routing.verification.differences import Kind
from routing.verification.work import Piece

COLUMNS = (
    "kind",
    "source",
    "reference",
    "detail",
    "old_repository",
    "new_repository",
    "old_digest",
    "new_digest",
)


def report_facts(row: Verification) -> dict[str, Any]:
    """A report without its differences."""
    return {
        "id": row.pk,
        "change_set": row.change_set,
        "state": row.state,
        "is_clean": row.is_clean,
        "switches": switch_facts(row),
        "total": row.total,
        "compared": row.compared,
        "difference_count": row.difference_count,
        "counts": row.counts,
        "cost": row.cost,
        "requests": row.requests,
        "counted_pulls": row.counted_pulls,
        "notes": row.notes,
        "trouble": row.trouble,
        "waits_until": row.not_before,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def switch_facts(row: Verification) -> list[dict[str, Any]]:
    """What was, or is, compared."""
    return [
        {
            "mapping_id": switch["mapping_id"],
            "source": switch["source"],
            "old_target": switch["old"]["target"],
            "new_target": switch["new"]["target"],
        }
        for switch in row.switches
    ]


def difference_facts(row: VerificationDifference) -> dict[str, Any]:
    """One difference."""
    return {name: getattr(row, name) for name in COLUMNS}


def csv_lines(rows: Iterable[VerificationDifference]) -> Iterator[str]:
    """The differences as CSV (RFC 4180), a line each, with a line of headings."""
    yield _line(COLUMNS)
    for row in rows:
        yield _line([text_cell(str(getattr(row, name))) for name in COLUMNS])


def summary(row: Verification) -> str:
    """How it stands, in a sentence."""
    found = f"{row.difference_count} difference{'' if row.difference_count == 1 else 's'}"
    if not row.is_over:
        said = f"compared {row.compared} of {row.total}; {found}" if row.total else "listing what there is to compare"
        return f"{said}. It waits: {row.trouble}" if row.trouble else said
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(row.counts.items()))
    ended = {"done": "compared", "stopped": "stopped: compared", "failed": "given up: compared"}[row.state]
    return f"{ended} {row.compared} of {row.total} references; {found}{f' ({kinds})' if kinds else ''}"


def cost_in_words(row: Verification) -> str:
    """What it was thought to cost; "" where that isn't known yet."""
    cost = row.cost
    if not cost:
        return ""
    return (
        f"{row.total} references: {cost['counted_pulls']} counted pulls of Docker Hub, about {cost['requests']} "
        f"requests, about {_time(cost['seconds'])}"
    )


def _time(seconds: int) -> str:
    return f"{round(seconds / 60)} minutes" if seconds >= 120 else f"{seconds} s"


def _line(cells: Iterable[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def plan_of(row: Verification, tool: Tool) -> str:
    """The script, or file, that makes a report clean as far as copying does."""
    copied = [kind.value for kind in Kind if kind.is_copied]
    found = VerificationDifference.objects.filter(verification=row, kind__in=copied).exclude(old_digest="")
    copies = (
        Copy(
            _repositories(row, each.switch, each.old_repository, each.new_repository),
            each.reference,
            each.old_digest,
            each.kind in (Kind.MISSING_SIGNATURE, Kind.MISSING_REFERRER),
        )
        for each in found.iterator()
    )
    pieces = [Piece(*each) for each in row.work or ()]
    repositories = [_repositories(row, piece.switch, piece.old, piece.new) for piece in pieces]
    title = f"Made by Registry Facade from verification {row.pk}: {', '.join(each['source'] for each in row.switches)}"
    return copy_plan(tool, title[:500], copies, repositories)


def _repositories(row: Verification, switch: int, old: str, new: str) -> Repositories:
    sides = row.switches[switch]
    return Repositories(sides["old"]["registry"]["origin"], old, sides["new"]["registry"]["origin"], new)

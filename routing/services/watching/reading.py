"""What was found of what is watched, for people and programs."""

from datetime import datetime
from typing import Any, NamedTuple

from routing.models import Mapping, Watch
from routing.services.watching.looking import Drift

#: So many are shown by name.
_SHOWN = 20


class Words(NamedTuple):
    """What is known, in a sentence, with some of what drifted. `warns`: somebody should look."""

    text: str
    warns: bool
    drift: list[str]


def watches_of(mapping: Mapping) -> list[Watch]:
    """With what a mapping's target goes on being compared: where it led before, its standby. The caller may see the
    mapping.
    """
    return list(Watch.objects.with_names().filter(mapping=mapping).order_by("kind"))


def drift_of(row: Watch) -> list[dict[str, Any]]:
    """What drifted, for programs."""
    return [Drift(*each)._asdict() for each in row.drift]


def words_of(row: Watch) -> Words:
    """What is known of one, for people."""
    said = _said_of_standby(row) if row.is_of_standby else _said_of_former(row)
    trouble = f" The last look did not see everything: {row.trouble}." if row.trouble else ""
    shown = [_line(row, Drift(*each)) for each in row.drift[:_SHOWN]]
    more = len(row.drift) - len(shown)
    drift = [*shown, *([f"and {more} more"] if more else [])]
    return Words(f"{said}.{trouble}", row.state == Watch.State.DRIFT, drift)


def _said_of_former(row: Watch) -> str:
    match row.state:
        case Watch.State.DRIFT:
            said = f"The former target {row.target} has drifted from {row.compared_target} since {_drift(row)}"
        case Watch.State.SAME:
            said = f"Nothing drifted at the former target {row.target}, of {row.compared} references"
        case _:
            said = f"The former target {row.target} is not compared yet"
    return f"{said}; it is compared until {row.until:%-d %B %Y}" if row.until else said


def _said_of_standby(row: Watch) -> str:
    match row.state:
        case Watch.State.DRIFT:
            said = f"The standby {row.target} has not had all that {row.compared_target} has since {_drift(row)}"
        case Watch.State.SAME:
            said = f"The standby {row.target} has what {row.compared_target} has, of {row.compared} references"
        case _:
            said = f"The standby {row.target} is not compared yet"
    return f"{said}; it was last compared on {_moment(row.compared_at)}" if row.compared_at else said


def _drift(row: Watch) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in row.counts.items())
    return f"{_moment(row.since) if row.since else 'some time'}: {kinds}"


def _moment(at: datetime) -> str:
    return f"{at:%-d %B %Y %H:%M} UTC"


def count_drifted() -> dict[str, int]:
    """How many mappings have drift, by the names of the numbers. Raises django.db.Error.

    `mappings_drifted`: mappings whose former target has something else. `standbys_drifted`: mappings whose standby
    lacks something.
    """
    rows = Watch.objects.filter(state=Watch.State.DRIFT)
    return {
        "mappings_drifted": rows.filter(kind=Watch.Kind.FORMER).count(),
        "standbys_drifted": rows.filter(kind=Watch.Kind.STANDBY).count(),
    }


def _line(row: Watch, drift: Drift) -> str:
    new = drift.new_digest[:19] or "nothing"
    there, here = ("target", "standby") if row.is_of_standby else ("there", "here")
    return f"{drift.kind}: {drift.source}:{drift.reference} ({there} {drift.old_digest[:19]}, {here} {new})"

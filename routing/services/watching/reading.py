"""What was found of what is watched, for people and programs."""

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


def watch_of(mapping: Mapping) -> Watch | None:
    """With what a mapping's target goes on being compared. The caller may see the mapping."""
    return Watch.objects.with_names().filter(mapping=mapping).first()


def drift_of(row: Watch) -> list[dict[str, Any]]:
    """What drifted, for programs."""
    return [Drift(*each)._asdict() for each in row.drift]


def words_of(row: Watch) -> Words:
    """What is known of one, for people."""
    until = f"it is compared until {row.until:%-d %B %Y}"
    trouble = f" The last look did not see everything: {row.trouble}." if row.trouble else ""
    match row.state:
        case Watch.State.DRIFT:
            kinds = ", ".join(f"{kind} {count}" for kind, count in row.counts.items())
            since = f"{row.since:%-d %B %Y %H:%M} UTC" if row.since else "some time"
            said = f"The former target {row.target} has drifted from {row.mapping.target} since {since}: {kinds}"
        case Watch.State.SAME:
            said = f"Nothing drifted at the former target {row.target}, of {row.compared} references"
        case _:
            said = f"The former target {row.target} is not compared yet"
    shown = [_line(Drift(*each)) for each in row.drift[:_SHOWN]]
    more = len(row.drift) - len(shown)
    drift = [*shown, *([f"and {more} more"] if more else [])]
    return Words(f"{said}; {until}.{trouble}", row.state == Watch.State.DRIFT, drift)


def count_drifted() -> int:
    """How many mappings' former targets have drifted. Raises django.db.Error."""
    return Watch.objects.filter(state=Watch.State.DRIFT).count()


def _line(drift: Drift) -> str:
    new = drift.new_digest[:19] or "nothing"
    return f"{drift.kind}: {drift.source}:{drift.reference} (there {drift.old_digest[:19]}, here {new})"

"""What a change set changes, for people to read."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from routing.models import ChangeSet
from routing.services.changes.basis import BESIDE, DEFAULTS, LOSSES, Basis, Settings, in_words

_OPTIONS = ("enabled", "private", "allow_push", "delivery")


class Step(NamedTuple):
    """One thing about a mapping that changes, in words."""

    what: str
    before: str
    after: str


class Line(NamedTuple):
    """One mapping, and what becomes of it. `mapping_id` None: it is added."""

    mapping_id: int | None
    source: str
    steps: list[Step]


def diff(change_set: ChangeSet) -> list[Line]:
    """A line for each mapping, by hostname and prefix."""
    return lines_of(change_set.rows, change_set.basis)


def lines_of(rows: Iterable[dict[str, Any]], basis: Basis) -> list[Line]:
    """The same of rows that are in no change set."""
    names = {pk: facts["name"] for pk, facts in basis["registries"].items()}
    return [Line(row["mapping"], row["source"], _steps(row, names)) for row in rows]


def _steps(row: dict[str, Any], names: dict[str, str]) -> list[Step]:
    before, after = row["before"], row["after"]
    if after is None:
        return [Step("mapping", _target(before, names), "none")]
    if before is None:
        # What is as it is for any new one goes without saying.
        steps, before = [Step("mapping", "none", _target(after, names))], {**after, **DEFAULTS, "labels": ""}
    else:
        steps = [Step("target", _target(before, names), _target(after, names))]
    steps += [Step(name.replace("_", " "), in_words(before[name]), in_words(after[name])) for name in _OPTIONS]
    steps += [Step(name, in_words(before[name]), in_words(after[name])) for name in BESIDE if name in after]
    steps += [Step(what, row[name], "none") for name, what in LOSSES.items() if row.get(name)]
    return [step for step in steps if step.before != step.after]


def _target(settings: Settings, names: dict[str, str]) -> str:
    registry = names[str(settings["registry"])]
    return f"{registry}/{settings['upstream_prefix']}" if settings["upstream_prefix"] else registry

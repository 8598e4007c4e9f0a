"""What a change set changes, for people to read."""

from typing import Any, NamedTuple

from routing.models import ChangeSet
from routing.services.changes.basis import Settings, in_words

_OPTIONS = ("enabled", "private", "allow_push", "delivery")


class Step(NamedTuple):
    """One thing about a mapping that changes, in words."""

    what: str
    before: str
    after: str


class Line(NamedTuple):
    """One mapping, and what becomes of it."""

    mapping_id: int
    source: str
    steps: list[Step]


def diff(change_set: ChangeSet) -> list[Line]:
    """A line for each mapping, by hostname and prefix."""
    names = {pk: facts["name"] for pk, facts in change_set.basis["registries"].items()}
    return [Line(row["mapping"], row["source"], _steps(row, names)) for row in change_set.rows]


def _steps(row: dict[str, Any], names: dict[str, str]) -> list[Step]:
    before, after = row["before"], row["after"]
    steps = [Step("target", _target(before, names), _target(after, names))]
    steps += [Step(name.replace("_", " "), in_words(before[name]), in_words(after[name])) for name in _OPTIONS]
    return [step for step in steps if step.before != step.after]


def _target(settings: Settings, names: dict[str, str]) -> str:
    registry = names[str(settings["registry"])]
    return f"{registry}/{settings['upstream_prefix']}" if settings["upstream_prefix"] else registry

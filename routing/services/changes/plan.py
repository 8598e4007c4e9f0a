"""In which steps a change set is applied: their shares, and the pause between them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from routing.core.grammar.numbers import parse_number
from routing.core.table.step import WHOLE
from routing.models import ChangeSet
from routing.services.base.errors import ServiceError

#: So many steps at the least and at the most.
FEWEST_STEPS, MOST_STEPS = 2, 10
#: In seconds. The counts of the health gate are up to some ten seconds old.
LEAST_PAUSE, MOST_PAUSE, PAUSE = 10, 86_400, 600
_PLACES = 2

#: What a set has of steps where it has none.
NO_STEPS: dict[str, Any] = {
    "steps": None,
    "pause_seconds": 0,
    "step": 0,
    "stepped_at": None,
    "next_at": None,
    "vouched": False,
    "gate": None,
    "looked": None,
    "looked_at": None,
    "returned_at": None,
}


class Plan(NamedTuple):
    """`shares`: of the repositories, in ten-thousandths; each is more than the one before, and the last is all."""

    shares: tuple[int, ...]
    pause_seconds: int = PAUSE


def parse_plan(percents: str, pause: str = "") -> Plan:
    """The plan of what people type: shares in per cent between commas, and seconds, or "". Raises ServiceError."""
    try:
        shares = [float(part.strip().removesuffix("%")) for part in percents.split(",")]
    except ValueError:
        raise ServiceError.for_field(
            "steps", f"“{percents[:80]}” is no list of shares in per cent, such as 5, 25, 100"
        ) from None
    seconds = parse_number(pause.strip()) if pause.strip() else PAUSE
    if seconds is None:
        raise ServiceError.for_field("pause", "give the pause in seconds, such as 600")
    return plan_of(shares, seconds)


def plan_of(percents: Sequence[float], pause_seconds: int = PAUSE) -> Plan:
    """The plan of shares in per cent, with two places at the most. Raises ServiceError."""
    if not all(0 < percent <= 100 and round(percent, _PLACES) == percent for percent in percents):
        raise ServiceError.for_field("steps", "give shares between 0.01 and 100 per cent, such as 5, 25, 100")
    shares = tuple(round(percent * WHOLE / 100) for percent in percents)
    return checked(Plan(shares, pause_seconds))


def checked(plan: Plan) -> Plan:
    """The same, where it can be carried out. Raises ServiceError."""
    shares = plan.shares
    if not FEWEST_STEPS <= len(shares) <= MOST_STEPS:
        raise ServiceError.for_field("steps", f"give {FEWEST_STEPS} to {MOST_STEPS} steps, such as 5, 25, 100")
    grows = all(one < other for one, other in zip((0, *shares), shares, strict=False))
    if not grows or shares[-1] != WHOLE:
        raise ServiceError.for_field(
            "steps", "each step is more than the one before it, and the last is 100 (per cent)"
        )
    if not LEAST_PAUSE <= plan.pause_seconds <= MOST_PAUSE:
        raise ServiceError.for_field("pause", f"the pause has {LEAST_PAUSE} to {MOST_PAUSE} seconds")
    return plan


def facts_of_steps(change_set: ChangeSet) -> dict[str, Any] | None:
    """In which steps a set is applied and where it is, for programs; None where it is applied at once."""
    if not change_set.shares:
        return None
    names = ("pause_seconds", "stepped_at", "next_at", "looked_at", "looked")
    facts = {name: getattr(change_set, name) for name in names}
    return {"shares": [share * 100 / WHOLE for share in change_set.shares], "made": change_set.step, **facts}


def in_percent(share: int) -> str:
    """A share as people read it."""
    return f"{share * 100 / WHOLE:g} %"

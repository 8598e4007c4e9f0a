"""Where a mapping led before its last repoint, while pulls that began there may go on: docs/decisions/0070."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings

from routing.core.table.former_target import parse_former
from routing.core.table.step import parse_step
from routing.models import Mapping, Registry
from routing.models.mapping import NO_STANDBY, NOTHING_FOUND
from routing.models.pull_account import NO_ACCOUNT
from routing.models.registry import target_at
from routing.services.base.actor import Actor
from routing.services.base.unit_of_work import unit_of_work

_AT_ONCE = 500


class FormerNow(NamedTuple):
    """A former target that still counts, as people write it; and until when."""

    target: str
    until: datetime


def former_of_now(mapping: Mapping) -> str:
    """What the mapping leads to now, as the former target of where it is about to lead; "" where it gets none."""
    seconds = settings.FACADE_FORMER_TARGET_SECONDS
    # Nobody has a pull under way from one that is off.
    return mapping.as_former(int(time.time()) + seconds) if seconds and mapping.enabled else ""


def values_of_a_move(mapping: Mapping) -> dict[str, Any]:
    """What else becomes of a mapping that is about to lead elsewhere, whoever moves it: what was found out about where
    it led is forgotten, pulls that have begun there can finish, it is published no longer, and has no standby.
    """
    return {**NOTHING_FOUND, **NO_ACCOUNT, **NO_STANDBY, "former": former_of_now(mapping)}


def former_target(mapping: Mapping) -> FormerNow | None:
    """Where content is asked for that is missing where the mapping leads; None where that is over."""
    former = parse_former(mapping.former)
    if former is None or former.until <= time.time():
        return None
    registry = Registry.objects.filter(pk=former.registry).first()
    if registry is None:
        return None
    there = target_at(registry.authority, former.upstream_prefix)
    return FormerNow(there, datetime.fromtimestamp(former.until, UTC))


def former_note(mapping: Mapping) -> str:
    """The same in a sentence; "" where that is over."""
    former = former_target(mapping)
    if former is None:
        return ""
    return (
        f"Until {former.until:%H:%M} UTC, content that is missing at {mapping.target} is asked for at {former.target}, "
        "where this pointed before: pulls that began there can finish."
    )


def end_former_targets() -> int:
    """Take those out of the rows, and so of every worker's table, whose time is over; gives their number.

    Nobody needs that for an answer: workers look at the time.
    """
    _end_in_steps()
    over = Mapping.objects.filter(former__gt="", former__lt=f"{int(time.time()):010} ").with_names()
    if not over.exists():
        return 0
    with unit_of_work(Actor.program("former targets"), "the time of its former target is over") as unit:
        rows = list(over.select_for_update(of=("self",), no_key=True)[:_AT_ONCE])
        for row in rows:
            unit.save_without_history(row, former="")
    return len(rows)


def _end_in_steps() -> None:
    """The same of mappings that are repointed in steps: where the others lead is asked for nothing any more."""
    now, over = int(time.time()), []
    for mapping in Mapping.objects.exclude(stepped_by=None).exclude(step=""):
        step = parse_step(mapping.step)
        if step is not None and 0 < step.until < now:
            over.append(mapping.pk)
    if not over:
        return
    with unit_of_work(Actor.program("former targets"), "the time of its former target is over") as unit:
        rows = Mapping.objects.with_names().filter(pk__in=over[:_AT_ONCE]).select_for_update(of=("self",), no_key=True)
        for row in rows:
            step = parse_step(row.step)
            # Meanwhile another step may have been made, with another time.
            if step is not None and 0 < step.until < now:
                unit.save_without_history(row, step=step._replace(until=0).packed())

"""Change sets that are applied in steps: a share of the repositories after the other, and back where that fails.

Each step is one transaction, as the whole set otherwise is. Between two of them the health gate looks every few seconds
(gate.py). Each look is a job, so that of several servers one looks; it puts in the next one by itself, and what it
found counts once, since each step is another state of the set. See docs/decisions/0110.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from routing.core.table.former_target import FormerTarget
from routing.core.table.routing_table import Auth
from routing.core.table.step import WHOLE, Step
from routing.database.clock import database_now
from routing.jobs.kinds import STEPS, Kind
from routing.jobs.queue import enqueue
from routing.models import ChangeSet, Job, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.live_on import live_on
from routing.services.base.permissions import Permission
from routing.services.base.unit_of_work import MAX_REASON_LENGTH, UnitOfWork, unit_of_work
from routing.services.changes import gate
from routing.services.changes.applying import check_said, may_vouch, put_in_force
from routing.services.changes.basis import settings_of
from routing.services.changes.drafts import check_as_reviewed, get_change_set, open_set, reason_of_set, told_of
from routing.services.changes.guards import NO_WORDS, Words
from routing.services.changes.judging import check_still_allowed
from routing.services.changes.plan import NO_STEPS, Plan, checked, in_percent
from routing.services.mappings.rules import taken_credentials
from routing.services.mappings.state import state_of
from routing.services.registries.probe_jobs import probe_registry_soon
from routing.services.registries.targets import check_origin

logger = logging.getLogger("routing.maintain")
PROGRAM = Actor.program("steps")
#: A person may go on while the gate's last look is not older than this, in seconds.
FRESH_SECONDS = 60
_NAMED = 5
_MAX_REFUSAL = 1_000
_LEADS = frozenset({"registry", "upstream_prefix"})
_UNSERVED = (
    "none of its mappings is served now (they are disabled, or their hostname or tenant is disabled or suspended), so "
    "the health gate sees nothing"
)


# ------------------------------------------------------------------ verbs
def apply_in_steps(
    actor: Actor,
    *,
    change_set_id: int,
    checksum: str,
    plan: Plan,
    words: Words = NO_WORDS,
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Begin to put in force what was reviewed, step by step. The first step is made once the gate has looked.

    What has to be said or approved is judged here, once for all steps. Raises as `apply`, and ServiceError for a set
    that holds something else than repoints, or a mapping that takes credentials or has a standby.
    """
    reason = reason_of_set(get_change_set(actor, change_set_id))
    with unit_of_work(actor, reason) as unit:
        change_set = open_set(unit, change_set_id, if_match)
        mappings = check_as_reviewed(unit, change_set, checksum)
        check_steps(change_set, mappings, plan)
        # A step is no repoint to the rules of rows, so they are asked here of where the steps lead.
        check_still_allowed(unit, change_set, mappings, waives_report=False)
        check_said(change_set, mappings, words)
        unit.change_set = change_set.pk
        unit.update_all(mappings, stepped_by=change_set.pk)
        now = database_now()
        began = {"steps": list(plan.shares), "pause_seconds": plan.pause_seconds, "vouched": may_vouch(actor)}
        state = {"state": ChangeSet.State.IN_STEPS, "stepped_at": now, "next_at": now, "refusal": "", "apply_at": None}
        unit.update(change_set, **(NO_STEPS | began | state), applied_by=actor.label)
        unit.event("change_set.begun", **told_of(change_set), steps=[in_percent(share) for share in plan.shares])
        for registry in Registry.objects.with_names().filter(pk__in=_registries(change_set)):
            probe_registry_soon(registry)
        _look_soon(change_set)
    return change_set


def go_on(actor: Actor, *, change_set_id: int, if_match: Collection[int] | None = None) -> ChangeSet:
    """Make the next step now, before its time. The gate has looked within a minute.

    Raises Conflict where it has not, where the last step is not live everywhere, nothing of it is served, or the set is
    not in steps; NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, _message(get_change_set(actor, change_set_id))) as unit:
        change_set = _under_way(unit, change_set_id, if_match)
        mappings = _own(change_set)
        if not _on(mappings):
            raise Conflict(f"the next step waits: {_UNSERVED}")
        since = database_now() - timedelta(seconds=FRESH_SECONDS)
        if change_set.looked_at is None or change_set.looked_at < since:
            raise Conflict(
                "the health gate has not looked within a minute: wait a moment; if that stays so, nothing does the "
                "regular work (manage.py maintain)"
            )
        if waits := _waits(change_set):
            raise Conflict(f"the last step is not in force everywhere yet: {waits}")
        if why := _objection(change_set, mappings):
            raise ServiceError(f"{why}: stop and return, and draft the change set once more")
        _step(unit, change_set, mappings)
        _look_soon(change_set)
    return change_set


def stop_and_return(
    actor: Actor, reason: str = "", *, change_set_id: int, if_match: Collection[int] | None = None
) -> ChangeSet:
    """Lead what its steps have moved back, all at once. It is a draft again, and its approval still counts.

    Raises Conflict where the set is not in steps; NotFound, PermissionDenied, Outdated.
    """
    said = f": {reason.strip()}" if reason.strip() else ""
    with unit_of_work(actor, f"stopped and returned{said}") as unit:
        change_set = _under_way(unit, change_set_id, if_match)
        _return(unit, change_set, f"{actor.label} stopped it {_where(change_set)}{said}")
    return change_set


def check_steps(change_set: ChangeSet, mappings: Sequence[Mapping], plan: Plan) -> None:
    """Refuse what can't be applied in steps. Raises ServiceError."""
    checked(plan)
    if not all(_is_repoint(row) for row in change_set.rows):
        raise ServiceError.for_field(
            "steps", "only repoints can be applied in steps, and this set changes other things too: apply it at once"
        )
    standing = [each.source for each in mappings if each.standby_registry_id is not None]
    if standing:
        raise ServiceError.for_field(
            "steps", f"{_some(standing)} can fail over to a standby meanwhile: take that away, or apply it at once"
        )
    if why := _objection(change_set, mappings):
        raise ServiceError.for_field("steps", f"{why}: apply it at once", Code.TAKES_CREDENTIALS)


# ------------------------------------------------------------------ a step, and back
def _step(unit: UnitOfWork, change_set: ChangeSet, mappings: Sequence[Mapping]) -> None:
    """Make the next step, which is there."""
    if change_set.vouched:
        unit.confirm()
    share, number = change_set.next_share, change_set.step + 1
    facts = {**told_of(change_set), "step": number, "steps": len(change_set.shares), "share": in_percent(share)}
    if share >= WHOLE:
        began_by = change_set.applied_by
        # It was asked for when the steps began, which may be days ago. Since then the gate has looked, and nothing that
        # it is about could be changed.
        unit.waives_report = True
        # Past the rule that it stays as it was reviewed: none of this is what the set changes.
        unit.save_without_history(change_set, rows=_as_found(change_set, mappings))
        put_in_force(unit, change_set, mappings, step="", stepped_by=None)
        over = {"step": number, "next_at": None, "stepped_at": database_now(), "gate": None}
        unit.update(change_set, **over, applied_by=began_by)
        unit.event("change_set.applied", **told_of(change_set), mapping_ids=change_set.mapping_ids)
        return
    unit.change_set = change_set.pk
    seconds = settings.FACADE_FORMER_TARGET_SECONDS
    until = int(time.time()) + seconds if seconds else 0
    for packed, those in _by_target(change_set, mappings, share, until).items():
        unit.update_all(those, step=packed)
    now = database_now()
    began = {"since": now.isoformat(), "at": gate.counts_since(mappings, share, now)}
    began["before"] = gate.counts_before(mappings, share, now)
    next_at = now + timedelta(seconds=change_set.pause_seconds)
    made = {"step": number, "stepped_at": now, "next_at": next_at, "generation": unit.generation}
    unit.update(change_set, **made, gate=began, looked=None, looked_at=None)
    unit.event("change_set.stepped", **facts)


def _return(unit: UnitOfWork, change_set: ChangeSet, why: str, *, by_itself: bool = False) -> None:
    """Lead everything back to where it led, whatever else there is to say."""
    if change_set.vouched:
        unit.confirm()
    unit.change_set = change_set.pk
    seconds = settings.FACADE_FORMER_TARGET_SECONDS
    after = {row["mapping"]: row["after"] for row in change_set.rows}
    there = set(Registry.objects.filter(pk__in=_registries(change_set)).values_list("pk", flat=True))
    back: defaultdict[str, list[Mapping]] = defaultdict(list)
    for mapping in _own(change_set):
        to, former = after[mapping.pk], mapping.former
        if mapping.step and seconds and mapping.enabled and to["registry"] in there:
            # A pull that began where the step led can finish, as after any repoint.
            until = int(time.time()) + seconds
            former = FormerTarget(until, str(to["registry"]), to["upstream_prefix"]).packed()
        back[former].append(mapping)
    for former, those in back.items():
        unit.update_all(those, step="", stepped_by=None, former=former)
    state = ChangeSet.State.APPROVED if change_set.approved_at else ChangeSet.State.DRAFT
    facts = {**told_of(change_set), "step": change_set.step, "share": in_percent(change_set.share), "reason": why}
    told = {"refusal": why[:_MAX_REFUSAL], "returned_at": database_now() if by_itself else None}
    none = {**NO_STEPS, "skip_verification": "", "applied_by": "", "generation": None}
    unit.update(change_set, **(none | told), state=state)
    unit.event("change_set.returned", **facts)


def _by_target(change_set: ChangeSet, mappings: Sequence[Mapping], share: int, until: int) -> dict[str, list[Mapping]]:
    """Mappings that get the same step, together: each such group takes a few statements."""
    after = {row["mapping"]: row["after"] for row in change_set.rows}
    groups: defaultdict[str, list[Mapping]] = defaultdict(list)
    for mapping in mappings:
        to = after[mapping.pk]
        groups[Step(share, until, str(to["registry"]), to["upstream_prefix"]).packed()].append(mapping)
    return dict(groups)


def _under_way(unit: UnitOfWork, change_set_id: int, if_match: Collection[int] | None) -> ChangeSet:
    change_set = unit.get(ChangeSet, change_set_id, Permission.CHANGE_MAPPINGS, if_match)
    if change_set.state != ChangeSet.State.IN_STEPS:
        raise Conflict(
            f"this change set is {change_set.get_state_display()}, and not in steps", code=Code.CHANGE_SET_CLOSED
        )
    return change_set


def _own(change_set: ChangeSet) -> list[Mapping]:
    """The mappings that it holds, locked."""
    return list(_held(change_set).order_by("pk").select_for_update(of=("self",), no_key=True))


def _as_found(change_set: ChangeSet, mappings: Sequence[Mapping]) -> list[dict[str, Any]]:
    """Its rows, with what is now of all that it does not change, such as of a mapping that was disabled meanwhile.

    Else nobody could undo it: that would not be what it says it has left behind.
    """
    now = {mapping.pk: settings_of(mapping) for mapping in mappings}
    rows = []
    for row in change_set.rows:
        kept = {name: value for name, value in now[row["mapping"]].items() if name not in _LEADS}
        rows.append({**row, "before": {**row["before"], **kept}, "after": {**row["after"], **kept}})
    return rows


def _is_repoint(row: dict[str, Any]) -> bool:
    before, after = row["before"], row["after"]
    if before is None or after is None:
        return False
    return {name for name, value in after.items() if before[name] != value} <= _LEADS


def _objection(change_set: ChangeSet, mappings: Sequence[Mapping]) -> str:
    """Why these mappings can't be led there by a program, as things are now; "" where they can."""
    if len(mappings) != change_set.size:
        return "some of its mappings are gone"
    taking = [f"{each.source} ({why})" for each in mappings if (why := taken_credentials(each))]
    if taking:
        return f"credentials must not reach another registry by themselves, and {_some(taking)} takes some"
    wanted = _registries(change_set)
    registries = list(Registry.objects.filter(pk__in=wanted))
    if len(registries) != len(wanted):
        # Its removal is refused by the verbs; rows that were put back from a backup know nothing of that.
        return "a registry of it is gone"
    for registry in registries:
        if registry.auth == Auth.BASIC:
            return f"{registry} asks everybody for a password"
        try:
            check_origin(registry.origin)
        except ServiceError as refusal:
            return refusal.message
    return ""


def _registries(change_set: ChangeSet) -> set[int]:
    return {row["after"]["registry"] for row in change_set.rows}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _where(change_set: ChangeSet) -> str:
    if not change_set.step:
        return "before its first step"
    return f"at step {change_set.step} of {len(change_set.shares)} ({in_percent(change_set.share)})"


def _message(change_set: ChangeSet) -> str:
    """Why, for the history of every mapping."""
    reason = reason_of_set(change_set)
    if not change_set.next_share:
        return reason
    step = f"step {change_set.step + 1} of {len(change_set.shares)}, {in_percent(change_set.next_share)}"
    return f"{step}: {reason}"[:MAX_REASON_LENGTH]


def _waits(change_set: ChangeSet) -> str:
    """Why the last step is not in force everywhere; "" where it is, or nobody serves."""
    if not change_set.step or change_set.generation is None:
        return ""
    found = live_on(change_set.generation)
    if found.is_live or not found.processes:
        return ""
    return f"it is live on {found.live} of {found.processes} processes ({found.behind[0]})"


# ------------------------------------------------------------------ the gate's looks
class _Look(NamedTuple):
    """What a look began with, and what was found. `version`: of the set's state then.

    `saw`: whether any of its mappings was served; else there was nothing to see.
    """

    version: int
    saw: bool
    share: int
    found: gate.Asked


def look_due() -> None:
    """Have each set that is in steps looked at: what is lost of its jobs is put in anew."""
    for change_set in ChangeSet.objects.filter(state=ChangeSet.State.IN_STEPS).select_related("tenant"):
        _look_soon(change_set)


def _look_soon(change_set: ChangeSet, after_seconds: float = 0.0) -> None:
    enqueue(LOOK_STEPS, str(change_set.pk), share_of(change_set.tenant), after_seconds=after_seconds)


def _begin(job: Job) -> Callable[[], _Look] | None:
    change_set = ChangeSet.objects.with_names().filter(pk=int(job.key), state=ChangeSet.State.IN_STEPS).first()
    if change_set is None:
        return None
    now = database_now()
    # Before a step, it is asked for what that is about to move, which has in it what was moved already.
    share = change_set.next_share if _is_due(change_set, now) else change_set.share
    mappings = _on(_held(change_set))
    wanted = gate.questions(change_set, mappings, share, now)
    version, saw = change_set.version, bool(mappings)
    return lambda: _Look(version, saw, share, gate.ask(wanted))


def _settle(job: Job, look: _Look) -> None:
    change_set = ChangeSet.objects.with_names().filter(pk=int(job.key), state=ChangeSet.State.IN_STEPS).first()
    if change_set is None:
        return
    if change_set.version == look.version:
        _judge(change_set, look)
    if ChangeSet.objects.filter(pk=change_set.pk, state=ChangeSet.State.IN_STEPS).exists():
        _look_soon(change_set, settings.FACADE_STEP_LOOK_SECONDS)


def _judge(change_set: ChangeSet, look: _Look) -> None:
    held = list(_held(change_set))
    served = _on(held)
    counts, before = _seen(change_set, served)
    why = _objection(change_set, held) or gate.objection_to(counts, before)
    why = why or gate.missing_too_much(look.found)
    now = database_now()
    if why:
        _return_by_itself(change_set, look.version, why)
        return
    is_due = _is_due(change_set, now) and look.share == change_set.next_share
    sees = look.saw and bool(served)
    waits = _UNSERVED if not sees else _waits(change_set) if is_due else ""
    if is_due and not waits:
        _go_on_by_itself(change_set, look.version)
        return
    # No new version of it: nobody has decided anything. What was seen of nothing is no ground to go on by hand.
    facts = {"looked": gate.as_facts(counts, before, look.found, waits), "looked_at": now if sees else None}
    ChangeSet.objects.filter(pk=change_set.pk, version=look.version).update(**facts)


def _go_on_by_itself(change_set: ChangeSet, version: int) -> None:
    try:
        with unit_of_work(PROGRAM, _message(change_set)) as unit:
            row = _of_version(change_set, version)
            if row is None:
                return
            mappings = _own(row)
            if why := _objection(row, mappings):
                # Something has become another since that was asked without the writers' line.
                raise ServiceError(why)
            _step(unit, row, mappings)
    except ServiceError as refusal:
        # A rule has become another meanwhile, such as which registries are allowed.
        _return_by_itself(change_set, version, refusal.message)


def _return_by_itself(change_set: ChangeSet, version: int, why: str) -> None:
    where = _where(change_set)
    said = f"returned by itself {where}: {why}"
    with unit_of_work(PROGRAM, said[:_MAX_REFUSAL]) as unit:
        row = _of_version(change_set, version)
        if row is None:
            return
        _return(unit, row, said, by_itself=True)
    logger.warning("a change set was led back: %s", said, extra={"change_set_id": change_set.pk})


def _of_version(change_set: ChangeSet, version: int) -> ChangeSet | None:
    """The set, where nobody has gone on with it, or stopped it, since it was looked at. In the writers' line."""
    rows = ChangeSet.objects.with_names().filter(pk=change_set.pk, version=version, state=ChangeSet.State.IN_STEPS)
    return rows.select_for_update(of=("self",), no_key=True).first()


def _held(change_set: ChangeSet) -> QuerySet[Mapping]:
    rows = Mapping.objects.filter(stepped_by=change_set.pk)
    return rows.select_related("hostname__tenant", "registry", "standby_registry")


def _on(mappings: Iterable[Mapping]) -> list[Mapping]:
    """Those whose clients are let in: of the others nobody gets anything."""
    return [each for each in mappings if state_of(each).is_on]


def _seen(change_set: ChangeSet, served: Sequence[Mapping]) -> tuple[gate.Counts, gate.Counts]:
    """What clients got of what is moved since the step, and in the day before it."""
    began = change_set.gate
    if not began:
        return gate.Counts(), gate.Counts()
    now = gate.counts_since(served, change_set.share, datetime.fromisoformat(began["since"]))
    return now.since(gate.Counts(*began["at"])), gate.Counts(*began["before"])


def _is_due(change_set: ChangeSet, now: datetime) -> bool:
    return change_set.next_at is not None and change_set.next_at <= now


LOOK_STEPS = Kind("look at steps", STEPS, lambda: gate.LOOK_SECONDS, _begin, _settle, attempts=3, margin_seconds=10.0)

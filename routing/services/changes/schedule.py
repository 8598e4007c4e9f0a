"""Change sets that are applied at a time: checked once more then, and where that does not hold, not applied.

One that leads mappings elsewhere is verified just before, unless whoever scheduled it said why not. The
regular work looks twice a minute which are due, and puts each in the queue, so that one server does it. Where it is not
applied, its people are told (`refusal`).
"""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from routing.conf import freeze_path
from routing.core.grammar.printable import printable
from routing.jobs.kinds import PLANS, Kind
from routing.jobs.queue import enqueue
from routing.models import ChangeSet, Job
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.errors import ServiceError, TooManyRequests, Unavailable
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.applying import apply
from routing.services.changes.approval import check_approval
from routing.services.changes.basis import Stale
from routing.services.changes.drafts import check_as_reviewed, get_differences, open_set, told_of
from routing.services.changes.guards import NO_WORDS, Words, check_words, guards_of
from routing.services.changes.judging import check_still_allowed
from routing.services.changes.plan import NO_STEPS, Plan
from routing.services.changes.rechecking import (
    begin_recheck,
    check_can_be_rechecked,
    check_recheck,
    is_rechecked,
    is_rechecked_before,
    reviewed_report,
)
from routing.services.changes.refusal import tell_refused
from routing.services.changes.steps import apply_in_steps, check_steps

logger = logging.getLogger("routing.maintain")

#: For so long ahead can be planned.
FURTHEST = timedelta(days=366)
# So late is not what was meant any more: the server was down.
_TOO_LATE = timedelta(hours=1)
# So long before its time a set is looked at: its verification may have to begin.
_AHEAD = timedelta(minutes=31)
_LOOK_AGAIN_SECONDS = 5.0
_PROGRAM = Actor.program("schedule")
_MAX_REFUSAL = 1_000
# Some thousand rows, behind another writer.
_SECONDS = 120.0


def schedule(
    actor: Actor,
    *,
    change_set_id: int,
    checksum: str,
    at: datetime,
    words: Words = NO_WORDS,
    plan: Plan | None = None,
    skip_verification: str = "",
    if_match: Collection[int] | None = None,
) -> ChangeSet:
    """Have a set applied at a time, as it was reviewed. What has to be confirmed or approved for that has to be now.

    It is checked once more then, and verified just before. `skip_verification`: why it is not verified; "": it is.
    `plan`: from then on in steps. Raises as `apply`, and ServiceError for a time that is over, or too far ahead, and
    where it could not be verified then.
    """
    now = timezone.now()
    if not now < at <= now + FURTHEST:
        raise ServiceError.for_field("at", f"a time to come is needed, within {FURTHEST.days} days")
    skip = printable(skip_verification).strip()
    with unit_of_work(actor, "") as unit:
        change_set = open_set(unit, change_set_id, if_match)
        mappings = check_as_reviewed(unit, change_set, checksum)
        check_still_allowed(unit, change_set, mappings)
        guards = guards_of(change_set, mappings)
        check_approval(change_set, guards)
        check_words(change_set, guards, words)
        check_can_be_rechecked(change_set, skip)
        if plan is not None:
            check_steps(change_set, mappings, plan)
        unit.update(
            change_set,
            state=ChangeSet.State.SCHEDULED,
            apply_at=at,
            scheduler_id=actor.user and actor.user.pk,
            scheduled_by=actor.label,
            words=words._asdict(),
            refusal="",
            skip_verification=skip,
            steps=None if plan is None else list(plan.shares),
            pause_seconds=0 if plan is None else plan.pause_seconds,
            reviewed_report=reviewed_report(change_set, actor),
            recheck_report=None,
        )
        unit.event("change_set.scheduled", **told_of(change_set, skip_verification=skip), at=at.isoformat())
    return change_set


def apply_due() -> list[ChangeSet]:
    """Put the sets whose time has come, or is near, in the queue; gives those whose time has come."""
    now = timezone.now()
    near = ChangeSet.objects.filter(state=ChangeSet.State.SCHEDULED, apply_at__lte=now + _AHEAD)
    due = []
    for change_set in near.select_related("tenant").order_by("apply_at", "pk"):
        is_due = change_set.apply_at is not None and change_set.apply_at <= now
        if is_due or (change_set.recheck_report is None and is_rechecked_before(change_set)):
            enqueue(APPLY_SET, str(change_set.pk), share_of(change_set.tenant))
        if is_due:
            due.append(change_set)
    return due


def _begin(job: Job) -> Callable[[], None] | None:
    """Apply it, here: no other machine is asked. Or have it verified, which is a job of its own."""
    change_set = ChangeSet.objects.filter(pk=job.key, state=ChangeSet.State.SCHEDULED).first()
    if change_set is None or change_set.apply_at is None:
        return None
    try:
        _apply_in_time(change_set, change_set.apply_at)
    except (Unavailable, TooManyRequests):
        # The database takes no change just now, or its person made too many: the job is tried again.
        raise
    except ServiceError as refusal:
        _note(change_set.pk, refusal.message)
    return None


def _apply_in_time(change_set: ChangeSet, at: datetime) -> None:
    """The next step of a scheduled set: none, verify, wait for that, apply. Raises ServiceError where it is refused."""
    now = timezone.now()
    if now - at > _TOO_LATE:
        raise ServiceError(f"{_why_late(change_set)} at its time, and that is over an hour ago")
    actor = _scheduler_of(change_set)
    changed = get_differences(actor, change_set.pk)
    if not changed:
        # Too many may be under way just now: it is tried again until its time is long over.
        with suppress(TooManyRequests):
            begin_recheck(change_set, actor)
    if now < at:
        return
    if changed:
        raise Stale(changed)
    if not is_rechecked(change_set):
        enqueue(APPLY_SET, str(change_set.pk), share_of(change_set.tenant), after_seconds=_LOOK_AGAIN_SECONDS)
        return
    check_recheck(change_set)
    if freeze_path().exists():
        raise ServiceError(
            "the workers of the server that does the regular work are frozen, and it would take effect unseen once "
            "they are not: end that by “facade thaw”, and schedule it anew"
        )
    words = Words(**change_set.words)
    if change_set.steps:
        plan = Plan(tuple(change_set.steps), change_set.pause_seconds)
        apply_in_steps(actor, change_set_id=change_set.pk, checksum=change_set.checksum, plan=plan, words=words)
    else:
        apply(actor, change_set_id=change_set.pk, checksum=change_set.checksum, words=words)


def _why_late(change_set: ChangeSet) -> str:
    if change_set.recheck_report is not None:
        return "its verification was not over"
    if is_rechecked_before(change_set):
        return "it could not be verified, or nothing did the regular work,"
    return "nothing did the regular work"


def _scheduler_of(change_set: ChangeSet) -> Actor:
    """In whose name it is applied: whoever scheduled it, with what they may now. Raises ServiceError."""
    if change_set.scheduler_id is None:
        return Actor(change_set.scheduled_by, is_operator=True)
    user = get_user_model()._default_manager.filter(pk=change_set.scheduler_id, is_active=True).first()
    if user is None:
        raise ServiceError(f"{change_set.scheduled_by}, who scheduled it, has no account any more")
    return Actor.person(user)


def _note(change_set_id: int, refusal: str) -> None:
    """It was not applied, and why: it is a draft again."""
    with unit_of_work(_PROGRAM, "") as unit:
        change_set = open_set(unit, change_set_id)
        if change_set.state != ChangeSet.State.SCHEDULED:
            # Somebody called it off meanwhile.
            return
        state = ChangeSet.State.APPROVED if change_set.approved_at else ChangeSet.State.DRAFT
        undecided = {**NO_STEPS, "apply_at": None, "skip_verification": ""}
        unit.update(change_set, **undecided, state=state, refusal=refusal[:_MAX_REFUSAL])
        unit.event("change_set.refused", **told_of(change_set, refusal=refusal[:_MAX_REFUSAL]))
        tell_refused(change_set)
    logger.warning("a scheduled change set was not applied: %s", refusal, extra={"change_set_id": change_set_id})


APPLY_SET = Kind("apply change set", PLANS, lambda: _SECONDS, _begin, lambda job, found: None)

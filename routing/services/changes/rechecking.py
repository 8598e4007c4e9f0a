"""The second verification of a scheduled set: made just before its time, held against the report that people saw."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import ChangeSet, Verification, VerificationDifference
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.drafts import open_set
from routing.services.changes.reports import report_of, verify_set
from routing.services.verifications.reports import summary
from routing.services.verifications.verifications import Options

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(minutes=30)
_NAMED = 5


def reviewed_report(change_set: ChangeSet, actor: Actor) -> int | None:
    """The report that people have before them when they schedule a set; None where none tells what the set would do."""
    found = report_of(actor, change_set)
    is_whole = found is not None and found.report.state == Verification.State.DONE and not found.misfits
    return found.report.pk if found is not None and is_whole else None


def begin_recheck(change_set: ChangeSet, actor: Actor) -> None:
    """Have a scheduled set verified once more, where it was before and its time is near.

    It begins so long before as the first report took twice, but a minute at least. Raises as `verify_set`.
    """
    reviewed = Verification.objects.filter(pk=change_set.reviewed_report or 0).first()
    if reviewed is None or change_set.recheck_report is not None or change_set.apply_at is None:
        return
    took = (reviewed.finished_at or reviewed.created_at) - reviewed.created_at
    if timezone.now() < change_set.apply_at - min(max(2 * took, _SHORTEST), _LONGEST):
        return
    options = {**reviewed.options, "add": tuple(reviewed.options["add"])}
    begun = verify_set(actor, "just before its time", change_set_id=change_set.pk, options=Options(**options))
    with unit_of_work(actor, "") as unit:
        unit.update(open_set(unit, change_set.pk), recheck_report=begun.pk)
    change_set.recheck_report = begun.pk


def is_rechecked(change_set: ChangeSet) -> bool:
    """Whether the second report is over, or there is none to wait for."""
    return not Verification.objects.filter(pk=change_set.recheck_report or 0, finished_at=None).exists()


def check_recheck(change_set: ChangeSet) -> None:
    """Refuse a set whose second report found what the first one did not. Raises ServiceError."""
    if change_set.recheck_report is None:
        return
    report = Verification.objects.filter(pk=change_set.recheck_report).first()
    if report is None:
        raise ServiceError("the report of the verification just before its time is gone")
    if report.state != Verification.State.DONE:
        raise ServiceError(f"verified once more just before its time, not all could be compared: {summary(report)}")
    new = _new_differences(change_set, report)
    if not new:
        return
    named = ", ".join(f"{each.kind} {_name(each)}" for each in new[:_NAMED])
    more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
    raise ServiceError(
        f"verified once more just before its time, it differs from what was reviewed: {named}{more} "
        f"(verification {report.pk})"
    )


def _new_differences(change_set: ChangeSet, report: Verification) -> list[VerificationDifference]:
    """What stands in the second report, and not in the first. Of the same thing, as often as it stands there."""
    before = Counter(map(_key, VerificationDifference.objects.filter(verification=change_set.reviewed_report or 0)))
    new = []
    for each in report.differences.iterator():
        if before[_key(each)] > 0:
            before[_key(each)] -= 1
        else:
            new.append(each)
    return new


def _key(row: VerificationDifference) -> tuple[Any, ...]:
    # Where both sides have something else, the new one is what was looked at.
    return (row.kind, row.source, row.reference, row.new_digest)


def _name(row: VerificationDifference) -> str:
    if not row.reference:
        return row.source
    return f"{row.source}{'@' if ':' in row.reference else ':'}{row.reference}"

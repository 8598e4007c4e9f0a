"""The verification of a scheduled set just before its time, held against the report that people saw, if they had one.

What that report had found is accepted by scheduling the set; where there was none, nothing is.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import ChangeSet, Verification, VerificationDifference
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.basis import tenants_of
from routing.services.changes.drafts import open_set
from routing.services.changes.reports import check_size, moved_rows, report_of, verify_set
from routing.services.verifications.reports import summary
from routing.services.verifications.verifications import Options

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(minutes=30)
# Where no report tells how long it takes.
_USUAL = timedelta(minutes=10)
_NAMED = 5
_SKIP = "skip_verification"


def reviewed_report(change_set: ChangeSet, actor: Actor) -> int | None:
    """The report that people have before them when they schedule a set; None where none tells what the set would do."""
    found = report_of(actor, change_set)
    is_whole = found is not None and found.report.state == Verification.State.DONE and not found.misfits
    return found.report.pk if found is not None and is_whole else None


def check_can_be_rechecked(change_set: ChangeSet, skip: str) -> None:
    """Refuse to schedule what could not be verified at its time, and to skip that where it is not to be skipped.

    `skip`: why it is not verified; "": it is. Raises ServiceError, PermissionDenied where a tenant's policy takes no
    reason.
    """
    moved = moved_rows(change_set)
    if not skip:
        try:
            check_size(moved)
        except ServiceError as refusal:
            raise ServiceError.for_field(
                _SKIP, f"{refusal.message}, or say why this one is not verified just before its time"
            ) from refusal
        return
    if not moved:
        raise ServiceError.for_field(
            _SKIP, "no mapping points elsewhere by this change set, so nothing is verified: leave this out"
        )
    strict = next((tenant for tenant in tenants_of(change_set) if tenant.needs_clean_reports), None)
    if strict is not None:
        raise PermissionDenied.for_field(
            _SKIP,
            f"the policy of {strict} wants a clean report of every switch: none is scheduled without verification",
            Code.REPORT_REQUIRED,
        )


def is_rechecked_before(change_set: ChangeSet) -> bool:
    """Whether a scheduled set is verified just before its time: where it has repoints, and nobody said otherwise."""
    return not change_set.skip_verification and bool(moved_rows(change_set))


def recheck_in_words(change_set: ChangeSet) -> str:
    """What becomes of a scheduled set's verification; "" where nothing can be verified."""
    if change_set.skip_verification:
        return f"not verified just before: {change_set.skip_verification}"
    if not moved_rows(change_set):
        return ""
    reviewed = Verification.objects.filter(pk=change_set.reviewed_report or 0).first()
    if reviewed is None:
        return "verified just before: any difference keeps it back"
    if not reviewed.difference_count:
        return f"verified once more just before: what report {reviewed.pk} did not find keeps it back"
    found = f"{reviewed.difference_count} difference{'' if reviewed.difference_count == 1 else 's'}"
    return f"verified once more just before: more than the {found} of report {reviewed.pk} keeps it back"


def begin_recheck(change_set: ChangeSet, actor: Actor) -> None:
    """Have a scheduled set verified, where that is to be and its time is near.

    It begins so long before as the report that people saw took twice, but a minute at least; where they saw none, ten
    minutes before. Raises as `verify_set`.
    """
    if change_set.recheck_report is not None or change_set.apply_at is None or not is_rechecked_before(change_set):
        return
    # It may have been thrown away since: then nothing that it found is known.
    reviewed = Verification.objects.filter(pk=change_set.reviewed_report or 0).first()
    if timezone.now() < change_set.apply_at - _ahead(reviewed):
        return
    options = Options()
    if reviewed is not None:
        options = Options(**{**reviewed.options, "add": tuple(reviewed.options["add"])})
    begun = verify_set(actor, "just before its time", change_set_id=change_set.pk, options=options)
    with unit_of_work(actor, "") as unit:
        unit.update(open_set(unit, change_set.pk), recheck_report=begun.pk)
    change_set.recheck_report = begun.pk


def _ahead(reviewed: Verification | None) -> timedelta:
    if reviewed is None:
        return _USUAL
    took = (reviewed.finished_at or reviewed.created_at) - reviewed.created_at
    return min(max(2 * took, _SHORTEST), _LONGEST)


def is_rechecked(change_set: ChangeSet) -> bool:
    """Whether the report of just before is over, or there is none to wait for."""
    if change_set.recheck_report is None:
        return not is_rechecked_before(change_set)
    return not Verification.objects.filter(pk=change_set.recheck_report, finished_at=None).exists()


def check_recheck(change_set: ChangeSet) -> None:
    """Refuse a set of which was found just before what nobody had seen. Raises ServiceError."""
    if change_set.recheck_report is None:
        return
    report = Verification.objects.filter(pk=change_set.recheck_report).first()
    if report is None:
        raise ServiceError("the report of the verification just before its time is gone")
    if report.state != Verification.State.DONE:
        raise ServiceError(f"verified just before its time, not all could be compared: {summary(report)}")
    new = _new_differences(change_set, report)
    if not new:
        return
    named = ", ".join(f"{each.kind} {_name(each)}" for each in new[:_NAMED])
    more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
    first = (
        "what it would point to differs" if change_set.reviewed_report is None else "it differs from what was reviewed"
    )
    raise ServiceError(f"verified just before its time, {first}: {named}{more} (verification {report.pk})")


def _new_differences(change_set: ChangeSet, report: Verification) -> list[VerificationDifference]:
    """What stands in the report of just before, and not in the one that people saw. Of the same thing, as often as it
    stands there.
    """
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

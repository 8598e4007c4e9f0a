"""Repointing a mapping with a look beforehand: brief, and never in the way of whoever is in a hurry."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings

from routing.models import Mapping, Tenant, Verification
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import ServiceError, TooManyRequests
from routing.services.base.permissions import PermissionDenied
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import Options, make_report, start_verification
from routing.verification.contents import Blobs
from routing.verification.differences import Kind

#: A look before a repoint takes no longer than about this, and compares no more references.
BRIEF_SECONDS, BRIEF_REFERENCES = 10, 30
#: Put before the reason of whoever repoints without one, so that the history keeps it.
SKIPPED = "not verified: "
_UNKNOWN = (Kind.COULD_NOT_ASK, Kind.NO_SUCH_TAG)


class BriefLook(NamedTuple):
    """What a look beforehand found. `said`: in a sentence; "" where nobody looked. `differs`: something is known to."""

    said: str = ""
    differs: bool = False
    report: Verification | None = None


def look_before(actor: Actor, mapping: Mapping, target: str) -> BriefLook:
    """Compare a sample of references, for some seconds at most. Not within a transaction.

    Where nothing can be listed or asked, nothing is known to differ, and the sentence says so. Raises ServiceError
    where a repoint would be refused as well.
    """
    if not settings.FACADE_VERIFY_ON_REPOINT or is_dry_run():
        return BriefLook()
    options = Options(blobs=Blobs.SAMPLE, max_references=BRIEF_REFERENCES, max_seconds=BRIEF_SECONDS)
    try:
        started = start_verification(actor, candidates=[Candidate(mapping.pk, target)], options=options)
    except TooManyRequests as refusal:
        return BriefLook(f"not verified: {refusal.message}")
    row = make_report(started.pk)
    known = {kind: count for kind, count in row.counts.items() if kind not in _UNKNOWN}
    if known:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(known.items()))
        return BriefLook(f"{sum(known.values())} differences at {target} ({kinds}), report {row.pk}", True, row)
    if not row.compared:
        first = row.differences.first()
        return BriefLook(f"not verified: {first.detail if first else 'there was nothing to compare'}", False, row)
    whole = row.state == Verification.State.DONE and not row.notes
    sample = "" if whole else f" of {row.total if not row.notes else 'more'}"
    return BriefLook(f"verified: nothing differs in {row.compared}{sample} references, report {row.pk}", False, row)


def reason_of(reason: str, *, tenant: Tenant, skipped: bool) -> str:
    """The reason that the history keeps.

    Raises ServiceError where a look is skipped without one, PermissionDenied where the tenant's policy takes no reason.
    """
    if skipped and tenant.needs_clean_reports:
        raise PermissionDenied.for_field(
            "target",
            f"the policy of {tenant} wants a clean report of every switch: none is repointed without verification",
            Code.REPORT_REQUIRED,
        )
    if skipped and not reason.strip():
        raise ServiceError.for_field("reason", "to repoint without verification, say why")
    return f"{SKIPPED}{reason.strip()}" if skipped else reason

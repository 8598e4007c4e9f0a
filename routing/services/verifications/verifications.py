"""The verbs: verify switches before they are made, look at the report, stop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet

from routing.database.clock import database_now
from routing.database.connections import give_back_connection
from routing.jobs.at_once import Busy, at_once
from routing.jobs.kinds import places
from routing.jobs.queue import enqueue
from routing.models import ChangeSet, Tenant, Verification, VerificationDifference
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of, spend_check
from routing.services.base.errors import ServiceError, TooManyRequests
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.verifications.candidates import Candidate, resolve
from routing.services.verifications.steps import VERIFY, begin_step, settle_step
from routing.verification.contents import Blobs
from routing.verification.differences import Kind
from routing.verification.work import parse_wish

#: So many reports of a tenant are made at once, and so many are kept; the oldest go when another is begun.
MAX_UNFINISHED, MAX_KEPT = 3, 30
MAX_CANDIDATES, MAX_ADDED, MAX_REFERENCES = 500, 1_000, 10_000
MAX_SECONDS = 24 * 3600
_LOOK_SECONDS = 0.3


class Options(NamedTuple):
    """How much is compared.

    `add`: references beside those that the old registry lists, as `parse_wish` reads them. `blobs`: of which blobs it
    is asked whether they are there. `cost_only`: find out what it would take, and compare nothing.
    """

    add: tuple[str, ...] = ()
    blobs: str = Blobs.SAMPLE
    max_references: int = MAX_REFERENCES
    max_seconds: int = MAX_SECONDS
    cost_only: bool = False


def start_verification(
    actor: Actor,
    reason: str = "",
    *,
    candidates: Sequence[Candidate],
    options: Options | None = None,
    change_set: int | None = None,
) -> Verification:
    """Begin a report on what would be another if these mappings led elsewhere. Changes no mapping.

    `change_set`: whose targets these are. Whoever may change all of the mappings may do it. Raises NotFound,
    PermissionDenied, TooManyRequests, ServiceError.
    """
    options = options or Options()
    _check(candidates, options)
    resolved = [resolve(candidate, actor) for candidate in candidates]
    tenants = {mapping.hostname.tenant_id: mapping.hostname.tenant for mapping, _ in resolved}
    tenant = next(iter(tenants.values())) if len(tenants) == 1 else None
    if tenant is None:
        check_permission(actor, Permission.ADMINISTER, None)
    spend_check(actor, tenant)
    with unit_of_work(actor, reason) as unit:
        _make_room(unit, tenant)
        row = Verification(
            tenant=tenant,
            change_set=change_set,
            switches=[facts for _, facts in resolved],
            options={**options._asdict(), "add": list(options.add)},
        )
        unit.add(row)
        unit.event(
            "verification.started",
            verification_id=row.pk,
            tenant_id=row.tenant_id,
            mapping_ids=[mapping.pk for mapping, _ in resolved],
            reason=reason.strip(),
        )
        if not enqueue(VERIFY, str(row.pk), share_of(tenant)):
            raise TooManyRequests("too many checks wait already: try again later", 60)
    return row


def get_verification(actor: Actor, verification_id: int) -> Verification:
    """A report, where the actor may see it. Raises NotFound."""
    return get_row(Verification.objects.viewable_by(actor).with_names(), verification_id)


def get_differences(actor: Actor, *, verification_id: int, kind: str = "") -> QuerySet[VerificationDifference]:
    """A report's differences, in the order in which they were found. Raises NotFound, ServiceError."""
    row = get_verification(actor, verification_id)
    found = VerificationDifference.objects.filter(verification=row)
    if not kind:
        return found
    if kind not in list(Kind):
        raise ServiceError.for_field("kind", f"there is no kind “{kind[:60]}”; there are {', '.join(Kind)}")
    return found.filter(kind=kind)


def stop_verification(actor: Actor, reason: str = "", *, verification_id: int) -> Verification:
    """Have a report end where it is. What was found by then stays. Raises NotFound, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        row = unit.get(Verification, verification_id, Permission.CHANGE_MAPPINGS)
        if not row.is_over and not row.stop_requested:
            unit.save_without_history(row, stop_requested=True)
            unit.event("verification.stopped", verification_id=row.pk, tenant_id=row.tenant_id)
            enqueue(VERIFY, str(row.pk), share_of(row.tenant))
    return row


def make_report(verification_id: int, told: Callable[[Verification], None] = lambda row: None) -> Verification:
    """Do a report's steps in this process, as far as no other does them, until it is over. Not within a transaction.

    `told` is called with the report as it is, again and again. Whoever is killed within it loses nothing: another
    process goes on.
    """
    while True:
        row = Verification.objects.select_related("tenant").get(pk=verification_id)
        told(row)
        if row.is_over:
            return row
        waits = row.not_before is not None and row.not_before > database_now()
        if waits or not _do_step(row):
            give_back_connection()
            time.sleep(_LOOK_SECONDS)


def _do_step(row: Verification) -> bool:
    """Whether this process had a place for the next step, and did it."""
    try:
        with at_once(VERIFY, str(row.pk), share_of(row.tenant), places(), 0):
            ask = begin_step(row.pk)
            if ask is not None:
                give_back_connection()
                settle_step(row.pk, ask())
    except Busy:
        return False
    return True


def _check(candidates: Sequence[Candidate], options: Options) -> None:
    if not 0 < len(candidates) <= MAX_CANDIDATES:
        raise ServiceError(f"name 1 to {MAX_CANDIDATES} mappings to verify")
    if len(options.add) > MAX_ADDED:
        raise ServiceError.for_field("add", f"{MAX_ADDED} references at most can be added")
    for text in options.add:
        try:
            parse_wish(text)
        except ValueError as error:
            raise ServiceError.for_field("add", str(error)) from error
    if options.blobs not in list(Blobs):
        raise ServiceError.for_field("blobs", f"“{options.blobs[:60]}” is none of {', '.join(Blobs)}")
    bounds: dict[str, tuple[int, int]] = {
        "max_references": (options.max_references, MAX_REFERENCES),
        "max_seconds": (options.max_seconds, MAX_SECONDS),
    }
    for name, (value, most) in bounds.items():
        if not 1 <= value <= most:
            raise ServiceError.for_field(name, f"{name.replace('_', ' ')}: 1 to {most}")


def _make_room(unit: UnitOfWork, tenant: Tenant | None) -> None:
    """Refuse one too many at once, and throw the oldest away. Raises TooManyRequests.

    What people had before them when they scheduled a change set is kept until that is decided: the next report is held
    against it.
    """
    own: Any = Verification.objects.filter(tenant=tenant)
    if own.filter(finished_at=None).count() >= MAX_UNFINISHED:
        raise TooManyRequests(
            f"{MAX_UNFINISHED} verifications are under way already: wait for one of them, or stop it", 30
        )
    scheduled = ChangeSet.objects.filter(state=ChangeSet.State.SCHEDULED).exclude(reviewed_report=None)
    needed = scheduled.values_list("reviewed_report", flat=True)
    over = own.exclude(finished_at=None).exclude(pk__in=needed).order_by("-pk")
    old = list(over.values_list("pk", flat=True)[MAX_KEPT - 1 :])
    if old:
        unit.delete_all(VerificationDifference.objects.filter(verification__in=old))
        unit.delete_all(Verification.objects.filter(pk__in=old))

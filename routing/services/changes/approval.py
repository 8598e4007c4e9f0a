"""A second person's approval of change sets."""

from collections.abc import Collection

from django.contrib.auth import get_user_model
from django.utils import timezone

from routing.models import ChangeSet
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission, PermissionDenied, has_permission
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.basis import tenants_of
from routing.services.changes.drafts import check_as_reviewed, open_set, told_of
from routing.services.changes.guards import Guards, wants_approval
from routing.services.changes.policy import PolicyOutcome, change_policy


def approve(
    actor: Actor, reason: str = "", *, change_set_id: int, checksum: str, if_match: Collection[int] | None = None
) -> ChangeSet:
    """Say that a set is right as it was looked at, by its checksum. Not by whoever drafted it.

    One that is scheduled stays so. The approval ends with the next draft of the set. Raises Stale, Conflict, NotFound,
    PermissionDenied, Outdated.
    """
    with unit_of_work(actor, reason) as unit:
        change_set = open_set(unit, change_set_id, if_match)
        if _is_drafter(actor, change_set):
            raise PermissionDenied("who drafted a change set does not approve it: ask somebody else")
        check_as_reviewed(unit, change_set, checksum)
        is_planned = change_set.state == ChangeSet.State.SCHEDULED
        unit.update(
            change_set,
            state=change_set.state if is_planned else ChangeSet.State.APPROVED,
            approver_id=actor.user and actor.user.pk,
            approved_by=actor.label,
            approved_at=timezone.now(),
        )
        unit.event("change_set.approved", **told_of(change_set))
    return change_set


def require_approval(
    actor: Actor, reason: str, *, tenant_id: int, needed: bool, if_match: Collection[int] | None = None
) -> PolicyOutcome:
    """Whether a tenant's change sets take a second person's approval, which is a part of its policy. By its owners.

    That they take none any more waits for another owner's word. Raises NotFound, PermissionDenied, Outdated.
    """
    return change_policy(actor, reason, tenant_id=tenant_id, needs_approval=needed, if_match=if_match)


def check_approval(change_set: ChangeSet, guards: Guards) -> None:
    """Refuse a set that takes an approval and has none, or none that counts any more. Raises ServiceError."""
    if not guards.approval:
        return
    if change_set.approved_at is None:
        raise ServiceError(f"{guards.approval}: nobody has approved it yet", code=Code.APPROVAL_REQUIRED)
    if change_set.approver_id is None:
        # Somebody at the command line, who holds the database.
        return
    approver = get_user_model()._default_manager.filter(pk=change_set.approver_id).first()
    may = approver is not None and all(
        has_permission(Actor.person(approver), Permission.CHANGE_MAPPINGS, tenant) for tenant in tenants_of(change_set)
    )
    if not may:
        raise ServiceError(
            f"{change_set.approved_by}, who approved it, may not do that any more: have somebody else approve it",
            code=Code.APPROVAL_REQUIRED,
        )


def refuse_unapproved(change_set: ChangeSet, what: str) -> None:
    """Refuse a set that takes an approval, and is applied in the transaction that drafts it: nobody can give it one.

    `what`: what it is, in words. Raises ServiceError.
    """
    if why := wants_approval(change_set):
        raise ServiceError(
            f"{why}, and {what} is applied at once, before anybody could approve it: draft a change set of the same "
            "(facade changes draft), have somebody else approve it, and apply that",
            code=Code.APPROVAL_REQUIRED,
        )


def _is_drafter(actor: Actor, change_set: ChangeSet) -> bool:
    """By account: a token is its person. Who has none is known by what the history calls them."""
    if actor.user is None or change_set.drafter_id is None:
        return actor.label == change_set.drafted_by
    return bool(actor.user.pk == change_set.drafter_id)

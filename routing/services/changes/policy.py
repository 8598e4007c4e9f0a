"""The verbs of a tenant's policy: change it, confirm that it is loosened, withdraw the wish: docs/decisions/0109."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

from django.contrib.auth import get_user_model
from django.utils import timezone

from routing.models import Tenant
from routing.models.tenant import NO_REQUEST
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.permissions import Permission, PermissionDenied, has_permission
from routing.services.base.policy import checksum_of_request, loosens, policy_of
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.registries.targets import parse_target


class PolicyChanges(TypedDict, total=False):
    """What can be changed of a policy. `registries`: as people write them; none: any registry is allowed."""

    registries: Sequence[str]
    needs_clean_reports: bool
    needs_approval: bool


class PolicyOutcome(NamedTuple):
    """The tenant, whether its policy is another now, and whether it waits for another owner's word instead."""

    row: Tenant
    changed: bool
    waits: bool = False


def change_policy(
    actor: Actor,
    reason: str,
    *,
    tenant_id: int,
    if_match: Collection[int] | None = None,
    **changes: Unpack[PolicyChanges],
) -> PolicyOutcome:
    """Say what is allowed of a tenant's mappings. By its owners.

    Where change sets take a second person's approval, so does a looser policy: it waits then until another owner
    confirms it. Operators of the platform need nobody. Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.CHANGE_MEMBERS, if_match)
        before = policy_of(tenant)
        after = before | _columns(changes)
        if after == before:
            return PolicyOutcome(tenant, False)
        if tenant.needs_approval and not actor.is_operator and loosens(before, after):
            # What can't be is refused now, and not when somebody confirms it.
            _check_columns(unit, tenant, after)
            asked = {"policy_request": after, "policy_asked_at": timezone.now(), "policy_reason": reason.strip()}
            unit.update(tenant, **asked, policy_asker_id=actor.user and actor.user.pk)
            unit.event("tenant.policy_loosening_asked", tenant_id=tenant.pk)
            return PolicyOutcome(tenant, False, waits=True)
        _set(unit, tenant, after)
    return PolicyOutcome(tenant, True)


def confirm_policy(
    actor: Actor, reason: str = "", *, tenant_id: int, checksum: str, if_match: Collection[int] | None = None
) -> PolicyOutcome:
    """Put the looser policy in force that another owner asked for, by its checksum.

    Raises Conflict where nothing, or something else, is asked for; NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.CHANGE_MEMBERS, if_match)
        if tenant.policy_request is None:
            raise Conflict(f"no change of the policy of {tenant} waits to be confirmed")
        if actor.user is not None and actor.user.pk == tenant.policy_asker_id:
            raise PermissionDenied("who asked for a looser policy does not confirm it: ask another owner")
        if checksum != checksum_of_request(tenant):
            raise Conflict("what is asked for is another by now: look at it once more", code=Code.CHANGED_SINCE)
        if not _may_still_ask(tenant):
            raise ServiceError(
                "who asked for it may not do that any more: withdraw it, and have another owner ask",
                code=Code.APPROVAL_REQUIRED,
            )
        _set(unit, tenant, dict(tenant.policy_request))
    return PolicyOutcome(tenant, True)


def withdraw_policy_request(
    actor: Actor, reason: str = "", *, tenant_id: int, if_match: Collection[int] | None = None
) -> PolicyOutcome:
    """Have the policy stay what it is; what was asked for is dropped. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.CHANGE_MEMBERS, if_match)
        changed = unit.update(tenant, **NO_REQUEST)
        if changed:
            unit.event("tenant.policy_loosening_withdrawn", tenant_id=tenant.pk)
    return PolicyOutcome(tenant, bool(changed))


# -------------------------------------------------------------------- how
def _set(unit: UnitOfWork, tenant: Tenant, after: dict[str, Any]) -> None:
    """What was asked for is about another policy from now on, so it ends."""
    changed = unit.update(tenant, **after, **NO_REQUEST)
    unit.event("tenant.policy_changed", tenant_id=tenant.pk, changed=[name for name in changed if name in after])


def _check_columns(unit: UnitOfWork, tenant: Tenant, after: dict[str, Any]) -> None:
    """Have the rules asked of a policy that is not in force yet. Raises ServiceError."""
    before = policy_of(tenant)
    wanted = Tenant(pk=tenant.pk, slug=tenant.slug, name=tenant.name, **after)
    unit.judge(wanted, Tenant(pk=tenant.pk, slug=tenant.slug, name=tenant.name, **before), list(after))


def _columns(changes: PolicyChanges) -> dict[str, Any]:
    """What is given, as it is stored. Raises ServiceError."""
    values: dict[str, Any] = {name: value for name, value in changes.items() if name != "registries"}
    if "registries" in changes:
        origins = set()
        for text in changes["registries"]:
            wanted = parse_target(text)
            if wanted.upstream_prefix:
                raise ServiceError.for_field(
                    "registries", f"“{text[:200]}” has a path: a policy names whole registries, such as ghcr.io"
                )
            origins.add(wanted.origin)
        values["allowed_registries"] = " ".join(sorted(origins))
    return values


def _may_still_ask(tenant: Tenant) -> bool:
    asker = get_user_model()._default_manager.filter(pk=tenant.policy_asker_id or 0, is_active=True).first()
    return asker is not None and has_permission(Actor.person(asker), Permission.CHANGE_MEMBERS, tenant)

"""The verbs of tenants."""

from collections.abc import Collection, Sequence
from typing import TypedDict, TypeVar, Unpack

from routing.models import Hostname, Tenant
from routing.models.tenant import NO_REQUEST, POLICY
from routing.services.base.actor import Actor
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work

DEFAULT_SLUG = "default"
Suspendable = TypeVar("Suspendable", Tenant, Hostname)


class TenantOptions(TypedDict, total=False):
    """What a tenant has beside its names. A limit of None is the platform's."""

    suspended: bool
    suspension_message: str
    max_hostnames: int | None
    max_mappings: int | None
    max_registries: int | None
    max_members: int | None
    max_streamed_bytes: int | None
    needs_approval: bool
    allowed_registries: str
    needs_clean_reports: bool


class TenantChanges(TenantOptions, total=False):
    """What can be changed of a tenant."""

    slug: str
    name: str


def ensure_tenant(unit: UnitOfWork, slug: str) -> tuple[Tenant, list[str]]:
    """The tenant of that slug, made where it is missing, and a line for what was done. Raises ServiceError."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is not None:
        return tenant, []
    check_permission(unit.actor, Permission.ADMINISTER, None)
    tenant = Tenant(slug=slug, name=slug)
    unit.add(tenant)
    return tenant, [f"added tenant {slug}"]


def add_tenant(actor: Actor, reason: str, *, slug: str, name: str, **options: Unpack[TenantOptions]) -> Tenant:
    """Add a tenant. For operators of the platform. Raises ServiceError, PermissionDenied."""
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        tenant = Tenant(slug=slug, name=name, **options)
        unit.add(tenant)
        unit.event("tenant.added", tenant_id=tenant.pk)
    return tenant


def update_tenant(
    actor: Actor,
    reason: str,
    *,
    tenant_id: int,
    if_match: Collection[int] | None = None,
    **changes: Unpack[TenantChanges],
) -> Outcome[Tenant]:
    """Change what is given of a tenant. For operators of the platform.

    Raises NotFound, PermissionDenied, Outdated, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.ADMINISTER, if_match)
        changed = unit.update(tenant, **changes)
        if policy := [name for name in changed if name in POLICY]:
            # What an owner asked for was about another policy.
            unit.update(tenant, **NO_REQUEST)
            unit.event("tenant.policy_changed", tenant_id=tenant.pk, changed=policy)
        if changed:
            unit.event("tenant.updated", tenant_id=tenant.pk, changed=changed)
    return Outcome(tenant, bool(changed))


def suspend_tenants(
    actor: Actor,
    reason: str,
    *,
    tenant_ids: Collection[int],
    suspended: bool,
    message: str = "",
    if_match: Collection[int] | None = None,
) -> list[Tenant]:
    """Refuse, or serve again, every request for the hostnames of tenants, all or none; gives those that changed.

    For operators of the platform. `if_match` goes with a single one. Raises NotFound, PermissionDenied, Outdated,
    ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        tenants = unit.get_all(Tenant, tenant_ids, Permission.ADMINISTER, if_match)
        return suspend_rows(unit, "tenant", tenants, suspended=suspended, message=message)


def suspend_rows(
    unit: UnitOfWork, noun: str, rows: Sequence[Suspendable], *, suspended: bool, message: str
) -> list[Suspendable]:
    """Suspend rows, or unsuspend it; gives those that weren't so already. The caller has asked for permission."""
    said = message.strip() if suspended else ""
    changed = unit.update_all(rows, suspended=suspended, suspension_message=said)
    if changed:
        # Written out rather than made of the parts: whoever looks for an event finds where it comes from.
        events = {
            ("tenant", True): "tenant.suspended",
            ("tenant", False): "tenant.unsuspended",
            ("hostname", True): "hostname.suspended",
            ("hostname", False): "hostname.unsuspended",
        }
        unit.event(events[noun, suspended], **{f"{noun}_ids": [row.pk for row in changed]})
    return changed

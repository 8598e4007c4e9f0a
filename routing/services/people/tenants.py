"""The verbs of tenants."""

from collections.abc import Sequence
from typing import TypeVar

from routing.models import Hostname, Tenant
from routing.models.history import sign
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work

DEFAULT_SLUG = "default"
Suspendable = TypeVar("Suspendable", Tenant, Hostname)


def ensure_tenant(unit: UnitOfWork, slug: str) -> tuple[Tenant, list[str]]:
    """The tenant of that slug, made where it is missing, and a line for what was done. Raises ServiceError."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is not None:
        return tenant, []
    check_permission(unit.actor, Permission.ADMINISTER, None)
    tenant = Tenant(slug=slug, name=slug)
    unit.save(tenant)
    return tenant, [f"added tenant {slug}"]


def save_tenant(actor: Actor, reason: str, tenant: Tenant) -> Tenant:
    """Write a new or changed tenant. Raises ServiceError."""
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        unit.save(tenant)
    return tenant


def suspend_tenant(actor: Actor, reason: str, *, tenant_id: int, suspended: bool, message: str = "") -> Tenant:
    """Refuse, or serve again, every request for a tenant's hostnames.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    suspend_tenants(actor, reason, tenant_ids=[tenant_id], suspended=suspended, message=message)
    return Tenant.objects.get(pk=tenant_id)


def suspend_tenants(
    actor: Actor, reason: str, *, tenant_ids: list[int], suspended: bool, message: str = ""
) -> list[Tenant]:
    """The same for several, all or none; gives those that weren't so already. For operators of the platform.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        tenants = list(Tenant.objects.filter(pk__in=tenant_ids))
        if len(tenants) < len(set(tenant_ids)):
            raise NotFound("this tenant is gone" if len(tenant_ids) == 1 else "one of these tenants is gone")
        return suspend_rows(unit, tenants, suspended=suspended, message=message)


def suspend_rows(unit: UnitOfWork, rows: Sequence[Suspendable], *, suspended: bool, message: str) -> list[Suspendable]:
    """Suspend or unsuspend rows; gives those that weren't so already. The caller has asked for permission."""
    state = (suspended, message.strip() if suspended else "")
    changed = [row for row in rows if (row.suspended, row.suspension_message) != state]
    for row in changed:
        row.suspended, row.suspension_message = state
        unit.save(row)
    return changed


def remove_tenant(actor: Actor, reason: str, *, tenant_id: int) -> None:
    """Remove a tenant that has nothing left. Raises NotFound, and ServiceError while it has hostnames or registries."""
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        for membership in tenant.memberships.all():
            sign(membership, actor.label, actor.user, reason)
            membership.delete()
        unit.delete(tenant)

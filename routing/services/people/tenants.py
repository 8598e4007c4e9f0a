"""The verbs of tenants. Imports models and its neighbours here."""

from collections.abc import Sequence
from typing import TypeVar

from routing.models import Hostname, Tenant
from routing.models.history import sign
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.base.permissions import Action, require
from routing.services.base.unit_of_work import Work, work

DEFAULT_SLUG = "default"
Suspendable = TypeVar("Suspendable", Tenant, Hostname)


def ensure_tenant(unit: Work, slug: str) -> tuple[Tenant, list[str]]:
    """The tenant of that slug, made where it is missing, and a line for what was done. Raises VerbError."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is not None:
        return tenant, []
    require(unit.actor, Action.PLATFORM, None)
    tenant = Tenant(slug=slug, name=slug)
    unit.save(tenant)
    return tenant, [f"added tenant {slug}"]


def save_tenant(actor: Actor, reason: str, tenant: Tenant) -> Tenant:
    """Write a new or changed tenant. Raises VerbError."""
    with work(actor, reason) as unit:
        require(actor, Action.PLATFORM, None)
        unit.save(tenant)
    return tenant


def suspend_tenant(actor: Actor, reason: str, *, tenant_id: int, suspended: bool, message: str = "") -> Tenant:
    """Refuse, or serve again, every request for a tenant's hostnames. Raises NotFound, Denied, VerbError."""
    suspend_tenants(actor, reason, tenant_ids=[tenant_id], suspended=suspended, message=message)
    return Tenant.objects.get(pk=tenant_id)


def suspend_tenants(
    actor: Actor, reason: str, *, tenant_ids: list[int], suspended: bool, message: str = ""
) -> list[Tenant]:
    """The same for several, all or none; gives those that weren't so already. For operators of the platform.

    Raises NotFound, Denied, VerbError.
    """
    with work(actor, reason) as unit:
        require(actor, Action.PLATFORM, None)
        tenants = list(Tenant.objects.filter(pk__in=tenant_ids))
        if len(tenants) < len(set(tenant_ids)):
            raise NotFound("this tenant is gone" if len(tenant_ids) == 1 else "one of these tenants is gone")
        return suspend_rows(unit, tenants, suspended=suspended, message=message)


def suspend_rows(unit: Work, rows: Sequence[Suspendable], *, suspended: bool, message: str) -> list[Suspendable]:
    """Suspend rows, or lift that; gives those that weren't so already. The caller has asked for permission."""
    state = (suspended, message.strip() if suspended else "")
    changed = [row for row in rows if (row.suspended, row.suspension_message) != state]
    for row in changed:
        row.suspended, row.suspension_message = state
        unit.save(row)
    return changed


def remove_tenant(actor: Actor, reason: str, *, tenant_id: int) -> None:
    """Remove a tenant that has nothing left. Raises NotFound, and VerbError while it has hostnames or registries."""
    with work(actor, reason) as unit:
        require(actor, Action.PLATFORM, None)
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        for membership in tenant.memberships.all():
            sign(membership, actor.label, actor.user, reason)
            membership.delete()
        unit.delete(tenant)

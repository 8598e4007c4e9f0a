"""The verbs of tenants. Imports models and its neighbours here."""

from routing.models import Tenant
from routing.services.actor import Actor
from routing.services.errors import NotFound
from routing.services.permissions import Action, require
from routing.services.work import Work, work

DEFAULT_SLUG = "default"


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
    """Refuse, or serve again, every request for a tenant's hostnames. Raises NotFound."""
    with work(actor, reason) as unit:
        require(actor, Action.PLATFORM, None)
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        tenant.suspended, tenant.suspension_message = suspended, message if suspended else ""
        unit.save(tenant)
    return tenant


def remove_tenant(actor: Actor, reason: str, *, tenant_id: int) -> None:
    """Remove a tenant that has nothing left. Raises NotFound, and VerbError while it has hostnames or registries."""
    with work(actor, reason) as unit:
        require(actor, Action.PLATFORM, None)
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        unit.delete(tenant)

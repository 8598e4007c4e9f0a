"""Rows that requests name otherwise than by their id."""

from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound


def tenant_by_slug(actor: Actor, slug: str) -> Tenant:
    """A tenant that the actor may see. Raises NotFound."""
    found = Tenant.objects.viewable_by(actor).filter(slug=slug).first()
    if found is None:
        raise NotFound(f"there is no tenant {slug}, or it isn't yours", {"tenant": ["There is no such tenant."]})
    return found

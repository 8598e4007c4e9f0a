"""Rows that requests name otherwise than by their id."""

from typing import Annotated

from ninja import Path
from pydantic import Field

from routing.api.schemas import Text
from routing.core.grammar.numbers import parse_number
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound

#: A tenant in a route's path.
TenantKey = Annotated[Text, Path(description="The tenant's slug. Its id does as well.", examples=["acme"])]
OneTenant = Annotated[Text | None, Field(description="Of the tenant with this slug alone.")]


def tenant_by_slug(actor: Actor, slug: str) -> Tenant:
    """A tenant that the actor may see, as a body names it. Raises NotFound."""
    found = Tenant.objects.viewable_by(actor).filter(slug=slug).first()
    if found is None:
        raise NotFound(f"there is no tenant {slug}, or it isn't yours", {"tenant": ["There is no such tenant."]})
    return found


def tenant_by_key(actor: Actor, key: str) -> Tenant:
    """A tenant that the actor may see, as a path names it: by slug, or else by id. Raises NotFound."""
    rows = Tenant.objects.viewable_by(actor)
    found = rows.filter(slug=key).first()
    if found is None and (pk := parse_number(key)) is not None:
        found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("this tenant is gone")
    return found

"""Who is asking, what they may see and what they may do. Every query, choice and count of the admin passes here.

The answers are the permission module's, which the verbs ask too; Django's own permissions of models play no part.
"""

from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from routing.models import Hostname, HostnameClaim, Invitation, Mapping, Membership, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, has_permission, has_permission_anywhere, roles, tenants_with

Row = TypeVar("Row", bound=Model)

# From a row, or a past row, to the id of its tenant.
_TENANT_PATH: dict[type[Model], str] = {
    Mapping: "hostname__tenant",
    Hostname: "tenant",
    Registry: "tenant",
    Tenant: "id",
    Membership: "tenant",
    Invitation: "tenant",
    HostnameClaim: "tenant",
}


def actor(request: HttpRequest) -> Actor:
    """Whoever is signed in, as the verbs know them."""
    return Actor.person(request.user)


def viewable(request: HttpRequest, rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Those of `rows` (of a routing table or of its history) that the asker may see."""
    asker = actor(request)
    if asker.is_operator:
        return rows
    model = getattr(rows.model, "instance_type", rows.model)
    own = Q(**{f"{_TENANT_PATH[model]}__in": list(roles(asker))})
    # A shared registry is everybody's to use.
    return rows.filter(own | Q(tenant=None) if model is Registry else own)


def may_see(request: HttpRequest, row: Any) -> bool:
    """Whether the asker may look at a row, or at any row at all (None)."""
    if row is None or (isinstance(row, Registry) and row.tenant_id is None):
        return has_permission_anywhere(actor(request), Permission.VIEW)
    return has_permission(actor(request), Permission.VIEW, _tenant_of(row))


def may(request: HttpRequest, action: Permission, row: Any) -> bool:
    """Whether the asker may do that to a row, or to any row at all (None)."""
    if row is None:
        return has_permission_anywhere(actor(request), action)
    return has_permission(actor(request), action, _tenant_of(row))


def tenants(request: HttpRequest, action: Permission) -> "QuerySet[Tenant]":
    """The tenants for which the asker may do that."""
    return tenants_with(actor(request), action)


def _tenant_of(row: Any) -> Tenant | None:
    match row:
        case Tenant():
            return row
        case Mapping():
            return row.hostname.tenant
    return row.tenant  # type: ignore[no-any-return]

"""Who is asking, what they may see and what they may do. Every query, choice and count of the admin passes here.

The answers are the permission module's, which the verbs ask too; Django's own permissions of models play no part.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from routing.models import Registry, Tenant
from routing.models.versioned import Row
from routing.models.versioned import viewable as viewable_by
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, has_permission, has_permission_anywhere, tenants_with


def actor(request: HttpRequest) -> Actor:
    """Whoever is signed in, as the verbs know them."""
    return Actor.person(request.user)


def viewer(request: HttpRequest) -> Actor:
    """The same where a page only looks: their roles are asked for once. Not for verbs that change something."""
    if request.method not in ("GET", "HEAD"):
        # What is done may change what who did it sees: somebody leaves a tenant.
        return actor(request)
    if not hasattr(request, "_facade_viewer"):
        request._facade_viewer = actor(request).looking()  # type: ignore[attr-defined]
    viewer: Actor = request._facade_viewer  # type: ignore[attr-defined]
    return viewer


def viewable(request: HttpRequest, rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Those of `rows` (of a routing table or of its history) that the asker may see."""
    return viewable_by(rows, viewer(request))


def may_see(request: HttpRequest, row: Any) -> bool:
    """Whether the asker may look at a row, or at any row at all (None)."""
    if row is None or (isinstance(row, Registry) and row.tenant_id is None):
        return has_permission_anywhere(viewer(request), Permission.VIEW)
    return has_permission(viewer(request), Permission.VIEW, row.owning_tenant)


def may(request: HttpRequest, action: Permission, row: Any) -> bool:
    """Whether the asker may do that to a row, or to any row at all (None)."""
    if row is None:
        return has_permission_anywhere(viewer(request), action)
    return has_permission(viewer(request), action, row.owning_tenant)


def tenants(request: HttpRequest, action: Permission) -> "QuerySet[Tenant]":
    """The tenants for which the asker may do that."""
    return tenants_with(viewer(request), action)

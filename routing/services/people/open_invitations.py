"""Invitations that nobody has accepted yet, and whose word they are."""

from typing import Any

from routing.models import Invitation, Tenant
from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, has_permission
from routing.services.base.unit_of_work import UnitOfWork


def end_invitations(unit: UnitOfWork, user: Any, tenant: Tenant) -> None:
    """Take back those by which somebody who may invite no more could still let people in, themselves among them."""
    if has_permission(Actor.person(user), Permission.CHANGE_MEMBERS, tenant):
        return
    invitations = Invitation.objects.filter(tenant=tenant, inviter=user, accepted_at=None)
    ids = list(invitations.values_list("pk", flat=True))
    unit.delete_all(invitations)
    for invitation_id in ids:
        unit.event("invitation.withdrawn", invitation_id=invitation_id, tenant_id=tenant.pk)

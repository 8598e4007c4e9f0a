"""The verbs of members: invite, accept, change a role, remove."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from routing.models import Invitation, Membership, Role, Tenant
from routing.models.history import sign
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, viewable

INVITATION_DAYS = 7


class Invited(NamedTuple):
    """An invitation, and the secret of its link, which is told only now."""

    invitation: Invitation
    token: str


def invite(actor: Actor, *, tenant_id: int, email: str, role: str) -> Invited:
    """Invite somebody by e-mail; good for a week, and for one person.

    Raises ServiceError, NotFound, PermissionDenied.
    """
    with transaction.atomic():
        tenant = _tenant(actor, tenant_id)
        token = secrets.token_urlsafe(32)
        Invitation.objects.filter(tenant=tenant, accepted_at=None, expires_at__lte=timezone.now()).delete()
        invitation = Invitation(
            tenant=tenant,
            email=email.strip().lower(),
            role=role,
            token_hash=_hash(token),
            invited_by=actor.label,
            expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
        )
        _validated(invitation)
        invitation.save()
    return Invited(invitation, token)


def withdraw_invitation(actor: Actor, *, invitation_id: int) -> None:
    """Take an invitation back that nobody has accepted. Raises NotFound, PermissionDenied."""
    with transaction.atomic():
        found = viewable(actor, Invitation.objects.filter(accepted_at=None), "tenant").filter(pk=invitation_id).first()
        if found is None:
            raise NotFound("this invitation is gone")
        check_permission(actor, Permission.CHANGE_MEMBERS, found.tenant)
        found.delete()


def invitation_of(token: str) -> Invitation:
    """The open invitation that a link leads to. Raises NotFound for a link that is used up, too old or forged."""
    found = Invitation.objects.select_related("tenant").filter(token_hash=_hash(token), accepted_at=None).first()
    if found is None or not found.is_open:
        raise NotFound("this invitation is not valid any more; ask for a new one")
    return found


def accept(user: Any, token: str) -> Membership:
    """Make the signed-in user a member, as the invitation says. Raises NotFound for a link that is used up or forged.

    Whoever holds the link may accept it: the mail proved the address.
    """
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(token_hash=_hash(token), accepted_at=None).first()
        if found is None or not found.is_open:
            raise NotFound("this invitation is not valid any more; ask for a new one")
        Tenant.objects.select_for_update().get(pk=found.tenant_id)
        held = Membership.objects.filter(tenant=found.tenant, user=user).first()
        membership = held or Membership(tenant=found.tenant, user=user, role=found.role)
        if held is None or _rank(found.role) > _rank(held.role):
            membership.role = found.role
            sign(membership, user.get_username(), user, f"invited by {found.invited_by}")
            membership.save()
        found.accepted_at = timezone.now()
        found.save()
    return membership


def add_member(actor: Actor, *, tenant_id: int, user: Any, role: str) -> Membership:
    """Make somebody who has an account a member. For operators of the platform.

    Raises ServiceError, PermissionDenied.
    """
    with transaction.atomic():
        check_permission(actor, Permission.ADMINISTER, None)
        membership = Membership(tenant=_tenant(actor, tenant_id), user=user, role=role)
        _validated(membership)
        sign(membership, actor.label, actor.user)
        membership.save()
    return membership


def account_of(actor: Actor, text: str) -> Any:
    """The account of that user name or e-mail address. For operators of the platform.

    Raises ServiceError, PermissionDenied.
    """
    check_permission(actor, Permission.ADMINISTER, None)
    name = text.strip()
    found = list(get_user_model().objects.filter(Q(username=name) | Q(email__iexact=name))[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise ServiceError.for_field("account", f"Several accounts have {name}: give the user name.")
    raise ServiceError.for_field("account", f"There is no account {name}: invite them by e-mail instead.")


def change_role(actor: Actor, *, membership_id: int, role: str) -> Membership:
    """Give a member another role; the last owner stays one. Raises ServiceError, NotFound, PermissionDenied."""
    with transaction.atomic():
        membership = _membership(actor, membership_id)
        check_permission(actor, Permission.CHANGE_MEMBERS, membership.tenant)
        if membership.role == Role.OWNER and role != Role.OWNER:
            _check_not_last_owner(membership)
        membership.role = role
        _validated(membership)
        sign(membership, actor.label, actor.user)
        membership.save()
    return membership


def remove_member(actor: Actor, *, membership_id: int) -> None:
    """Remove a member; members may leave by themselves, but for the last owner.

    Raises ServiceError, NotFound, PermissionDenied.
    """
    with transaction.atomic():
        membership = _membership(actor, membership_id)
        # Leaving takes no role, but a token that may only look doesn't do it for somebody.
        if actor.read_only or actor.user is None or membership.user_id != actor.user.pk:
            check_permission(actor, Permission.CHANGE_MEMBERS, membership.tenant)
        if membership.role == Role.OWNER:
            _check_not_last_owner(membership)
        sign(membership, actor.label, actor.user)
        membership.delete()


def _tenant(actor: Actor, tenant_id: int) -> Tenant:
    # The row's lock puts changes of one tenant's members in line: two last owners can't both leave at once.
    tenant = viewable(actor, Tenant.objects.select_for_update(), "").filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound("this tenant is gone")
    check_permission(actor, Permission.CHANGE_MEMBERS, tenant)
    return tenant


def _membership(actor: Actor, membership_id: int) -> Membership:
    known = viewable(actor, Membership.objects.select_related("user"), "tenant")
    membership = known.filter(pk=membership_id).first()
    if membership is None:
        raise NotFound("this member is gone")
    Tenant.objects.select_for_update().get(pk=membership.tenant_id)
    membership.refresh_from_db()
    return membership


def _check_not_last_owner(membership: Membership) -> None:
    others = Membership.objects.filter(tenant=membership.tenant, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        raise ServiceError(f"{membership.user} is the last owner of {membership.tenant}: make somebody else one first")


def _validated(instance: Invitation | Membership) -> None:
    try:
        instance.full_clean()
    except ValidationError as error:
        raise ServiceError.invalid(error) from error


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _rank(role: str) -> int:
    return [Role.VIEWER, Role.OPERATOR, Role.OWNER].index(Role(role))

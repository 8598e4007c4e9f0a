"""The verbs of members: invite, accept, change a role, remove."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from routing.models import Invitation, Membership, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.outcome import Outcome
from routing.services.base.permissions import Permission, check_permission, has_permission
from routing.services.base.quotas import check_quota
from routing.services.base.rates import Limit, spend
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.people.open_invitations import end_invitations
from routing.services.people.provider_grants import hear

INVITATION_DAYS = 7
#: By one person, and of one tenant to one address: each may be a mail that its receiver hasn't asked for. What another
#: tenant sends there counts for itself, or one tenant could keep an address from the others.
INVITATIONS_A_PERSON = Limit(30, 3600, "invitations")
INVITATIONS_AN_ADDRESS = Limit(5, 86_400, "invitations to this address")
_ACCEPTED_ARE_KEPT = timedelta(days=90)


class Invited(NamedTuple):
    """An invitation, and the secret of its link, which is told only now."""

    invitation: Invitation
    token: str


def invite(actor: Actor, reason: str = "", *, tenant_id: int, email: str, role: str) -> Invited:
    """Invite somebody by e-mail; good for a week, and for one person.

    Raises ServiceError, NotFound, PermissionDenied, TooManyRequests.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.CHANGE_MEMBERS)
        token, now, address = secrets.token_urlsafe(32), timezone.now(), email.strip().lower()
        old = Q(accepted_at=None, expires_at__lte=now) | Q(accepted_at__lte=now - _ACCEPTED_ARE_KEPT)
        unit.delete_all(Invitation.objects.filter(old, tenant=tenant))
        check_quota(actor, tenant, "members")
        _spend_invitation(actor, tenant, address)
        invitation = Invitation(
            tenant=tenant,
            email=address,
            role=role,
            token_hash=_hash(token),
            invited_by=actor.label,
            inviter=actor.user,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
        unit.add(invitation)
        unit.event("invitation.added", invitation_id=invitation.pk, tenant_id=tenant.pk)
    return Invited(invitation, token)


def note_mailed(invitation: Invitation) -> None:
    """Write down that the link goes to the invited by mail, and is told nobody else."""
    with unit_of_work(Actor.program("mail"), "") as unit:
        unit.save_without_history(invitation, mailed_at=timezone.now())


def withdraw_invitation(
    actor: Actor, reason: str = "", *, invitation_id: int, if_match: Collection[int] | None = None
) -> None:
    """Take an invitation back that nobody has accepted. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        get_row(Invitation.objects.filter(accepted_at=None), invitation_id)
        invitation = unit.get(Invitation, invitation_id, Permission.CHANGE_MEMBERS, if_match)
        unit.delete(invitation)
        unit.event("invitation.withdrawn", invitation_id=invitation_id, tenant_id=invitation.tenant_id)


def get_invitation(actor: Actor, invitation_id: int) -> Invitation:
    """An invitation that the actor may see. Raises NotFound."""
    return get_row(Invitation.objects.viewable_by(actor).with_names(), invitation_id)


def invitation_of(token: str) -> Invitation:
    """The open invitation that a link leads to. Raises NotFound for a link that is used up, too old or forged."""
    rows = Invitation.objects.select_related("tenant", "inviter").filter(token_hash=_hash(token), accepted_at=None)
    found = rows.first()
    if found is None or not found.is_open or not _is_backed(found):
        raise NotFound("this invitation is not valid any more; ask for a new one")
    return found


def _is_backed(invitation: Invitation) -> bool:
    """Whether whoever invited may still do so, as an owner or as an operator of the platform."""
    inviter = invitation.inviter
    return inviter is None or has_permission(Actor.person(inviter), Permission.CHANGE_MEMBERS, invitation.tenant)


def accept(user: Any, token: str) -> Membership:
    """Make the signed-in user a member, as the invitation says. Raises NotFound for a link that is used up or forged.

    Whoever holds the link may accept it: the mail proved the address.
    """
    invited = invitation_of(token)
    with unit_of_work(Actor(user.get_username(), user), f"invited by {invited.invited_by}") as unit:
        # Once more: whoever came first has it.
        invitation = invitation_of(token)
        held = Membership.objects.with_names().filter(tenant=invitation.tenant, user=user).first()
        membership = held or Membership(tenant=invitation.tenant, user=user, role=invitation.role)
        if held is None:
            unit.add(membership)
        elif Role(invitation.role).rank > Role(held.role).rank:
            unit.update(membership, role=invitation.role)
        unit.save_without_history(invitation, accepted_at=timezone.now())
        unit.event("invitation.accepted", invitation_id=invitation.pk, **_ids(membership))
    return membership


def add_member(actor: Actor, reason: str = "", *, tenant_id: int, user: Any, role: str) -> Membership:
    """Make somebody who has an account a member. For operators of the platform.

    Raises ServiceError, NotFound, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.ADMINISTER)
        membership = Membership(tenant=tenant, user=user, role=role)
        unit.add(membership)
        unit.event("member.added", **_ids(membership))
    return membership


def account_of(actor: Actor, text: str) -> Any:
    """The account of that user name, or of that e-mail address where it is verified. For operators of the platform.

    Raises ServiceError, PermissionDenied.
    """
    check_permission(actor, Permission.ADMINISTER, None)
    name = text.strip()
    if "@" not in name:
        found = get_user_model().objects.filter(username=name).first()
        if found is None:
            raise ServiceError.for_field("account", f"There is no account {name}: invite them by e-mail instead.")
        return found
    # Anybody can say that an address is theirs.
    address = EmailAddress.objects.select_related("user").filter(email__iexact=name, verified=True).first()
    if address is None:
        raise ServiceError.for_field(
            "account", f"No account has verified {name}: give the user name, or invite them by e-mail."
        )
    return address.user


def change_role(
    actor: Actor, reason: str = "", *, membership_id: int, role: str, if_match: Collection[int] | None = None
) -> Outcome[Membership]:
    """Give a member another role; the last owner stays one.

    Raises ServiceError, NotFound, PermissionDenied, Outdated.
    """
    with unit_of_work(actor, reason) as unit:
        membership = unit.get(Membership, membership_id, Permission.CHANGE_MEMBERS, if_match)
        if membership.role == Role.OWNER and role != Role.OWNER:
            _check_not_last_owner(membership)
        changed = unit.update(membership, role=role)
        if changed:
            hear(membership.user)
            end_invitations(unit, membership.user, membership.tenant)
            unit.event("member.role_changed", **_ids(membership))
    return Outcome(membership, bool(changed))


def remove_member(
    actor: Actor, reason: str = "", *, membership_id: int, if_match: Collection[int] | None = None
) -> None:
    """Remove a member; members may leave by themselves, but for the last owner.

    Raises ServiceError, NotFound, PermissionDenied, Outdated.
    """
    with unit_of_work(actor, reason) as unit:
        membership = unit.get(Membership, membership_id, _to_remove(unit, membership_id), if_match)
        if membership.role == Role.OWNER:
            _check_not_last_owner(membership)
        ids = _ids(membership)
        hear(membership.user)
        unit.delete(membership)
        end_invitations(unit, membership.user, membership.tenant)
        unit.event("member.removed", **ids)


def get_member(actor: Actor, membership_id: int) -> Membership:
    """A member that the actor may see. Raises NotFound."""
    return get_row(Membership.objects.viewable_by(actor).with_names(), membership_id)


def _to_remove(unit: UnitOfWork, membership_id: int) -> Permission:
    """Leaving takes no role, but a token that may only look doesn't do it for somebody."""
    actor = unit.actor
    own = actor.user is not None and Membership.objects.filter(pk=membership_id, user=actor.user.pk).exists()
    return Permission.VIEW if own and not actor.read_only else Permission.CHANGE_MEMBERS


def _spend_invitation(actor: Actor, tenant: Tenant, email: str) -> None:
    if actor.user is None or actor.is_operator:
        return
    spend(f"invitations by user {actor.user.pk}", INVITATIONS_A_PERSON)
    # Not the address itself: what is counted is kept after the invitation.
    spend(f"invitations of tenant {tenant.pk} to {_hash(email)[:32]}", INVITATIONS_AN_ADDRESS)


def _ids(membership: Membership) -> dict[str, int]:
    return {"member_id": membership.pk, "user_id": membership.user_id, "tenant_id": membership.tenant_id}


def _check_not_last_owner(membership: Membership) -> None:
    others = Membership.objects.filter(tenant=membership.tenant, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        said = f"{membership.user} is the last owner of {membership.tenant}: make someone else an owner first"
        raise ServiceError(said, code=Code.LAST_OWNER)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

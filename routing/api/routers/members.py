"""Members and invitations: list, invite, withdraw, change a role, remove."""

from datetime import datetime
from smtplib import SMTPException
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from routing.accounts.invitations import deliver_invitation
from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS, Problem
from routing.api.schemas import Given, Id, Listed, Paging, Text, page, tenant_by_slug
from routing.models import Invitation, Membership, Role
from routing.services.base.permissions import viewable
from routing.services.people import members as verbs

router = Router(tags=["members"])
invitations = Router(tags=["invitations"])


class MemberTold(Schema):
    """Somebody's role in a tenant."""

    id: int
    tenant: str
    username: str
    email: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, member: Membership) -> "MemberTold":
        """As the API tells it."""
        return cls(
            id=member.pk,
            tenant=member.tenant.slug,
            username=member.user.get_username(),
            email=member.user.email,
            role=Role(member.role),
            created_at=member.created_at,
        )


class InvitationTold(Schema):
    """An invitation by e-mail."""

    id: int
    tenant: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationTold":
        """As the API tells it."""
        return cls(
            id=invitation.pk,
            tenant=invitation.tenant.slug,
            role=Role(invitation.role),
            **{name: getattr(invitation, name) for name in cls.model_fields if name not in ("id", "tenant", "role")},
        )


class Invited(Schema):
    """An invitation. `link` is told only now, and only where no mail can be sent: hand it on."""

    invitation: InvitationTold
    link: str | None


class NewMember(Given):
    """Somebody who has an account already."""

    tenant: Text
    account: Annotated[Text, Field(description="User name or e-mail address.")]
    role: Role


class RoleChange(Given):
    """Another role."""

    role: Role


class NewInvitation(Given):
    """Whom to invite, and as what."""

    tenant: Text
    email: Text
    role: Role


class MemberFilters(Paging):
    """Of which tenant."""

    tenant: Text | None = None


@router.get("", response={200: Listed[MemberTold], **PROBLEMS}, operation_id="list_members")
def list_members(request: HttpRequest, filters: Query[MemberFilters]) -> Listed[MemberTold]:
    """List the members of one's tenants."""
    rows = viewable(actor_of(request), Membership.objects.select_related("user", "tenant"), "tenant")
    return page(rows.filter(**_given(filters)), filters, MemberTold.of)


@router.post("", response={201: MemberTold, **PROBLEMS}, operation_id="add_member")
def add_member(request: HttpRequest, given: NewMember) -> Status[MemberTold]:
    """Make somebody who has an account a member. For operators of the platform; owners invite."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, given.tenant)
    user = verbs.account_of(actor, given.account)
    return Status(201, MemberTold.of(verbs.add_member(actor, tenant_id=tenant.pk, user=user, role=given.role)))


@router.patch("/{member_id}", response={200: MemberTold, **PROBLEMS}, operation_id="change_role")
def change_role(request: HttpRequest, member_id: Id, given: RoleChange) -> MemberTold:
    """Give a member another role."""
    return MemberTold.of(verbs.change_role(actor_of(request), membership_id=member_id, role=given.role))


@router.delete("/{member_id}", response={204: None, **PROBLEMS}, operation_id="remove_member")
def remove_member(request: HttpRequest, member_id: Id) -> Status[None]:
    """Remove a member, or leave."""
    verbs.remove_member(actor_of(request), membership_id=member_id)
    return Status(204, None)


@invitations.get("", response={200: Listed[InvitationTold], **PROBLEMS}, operation_id="list_invitations")
def list_invitations(request: HttpRequest, filters: Query[MemberFilters]) -> Listed[InvitationTold]:
    """List invitations, the newest first."""
    rows = viewable(actor_of(request), Invitation.objects.select_related("tenant").order_by("-pk"), "tenant")
    return page(rows.filter(**_given(filters)), filters, InvitationTold.of)


@invitations.post("", response={201: Invited, **PROBLEMS, 502: Problem}, operation_id="invite")
def invite(request: HttpRequest, given: NewInvitation) -> Status[Invited]:
    """Invite somebody by e-mail."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, given.tenant)
    invited = verbs.invite(actor, tenant_id=tenant.pk, email=given.email, role=given.role)
    try:
        link = deliver_invitation(request, invited)
    except (SMTPException, OSError) as error:
        verbs.withdraw_invitation(actor, invitation_id=invited.invitation.pk)
        raise HttpError(502, "the mail server didn't take the mail, so nobody was invited: try again later") from error
    return Status(201, Invited(invitation=InvitationTold.of(invited.invitation), link=link))


@invitations.delete("/{invitation_id}", response={204: None, **PROBLEMS}, operation_id="withdraw_invitation")
def withdraw(request: HttpRequest, invitation_id: Id) -> Status[None]:
    """Take an invitation back that nobody has accepted."""
    verbs.withdraw_invitation(actor_of(request), invitation_id=invitation_id)
    return Status(204, None)


def _given(filters: MemberFilters) -> dict[str, str]:
    return {} if filters.tenant is None else {"tenant__slug": filters.tenant}

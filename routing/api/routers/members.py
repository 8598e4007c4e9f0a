"""Members and invitations: list, invite, withdraw, change a role, remove."""

from datetime import datetime
from smtplib import SMTPException
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from ninja.pagination import paginate
from pydantic import Field

from routing.accounts.invitations import deliver_invitation
from routing.api.auth import actor_of
from routing.api.errors import NAMING_PROBLEMS, PROBLEMS, ROW_PROBLEMS, CodedHttpError, Problem
from routing.api.etags import IF_MATCH, looked_at, tagged, versions
from routing.api.lookups import OneTenant, tenant_by_slug
from routing.api.pagination import ListQuery, Paging, Sortable
from routing.api.schemas import DeleteParams, Id, Reason, Slug, StrictSchema, Text, Version
from routing.models import Invitation, Membership, Role
from routing.services.base.codes import Code
from routing.services.base.errors import Gathered
from routing.services.people import members as verbs

router = Router(tags=["members"])
invitations = Router(tags=["invitations"])

_COLUMNS = {"username": "user__username", "tenant": "tenant__slug", "role": "role", "created_at": "created_at"}
_INVITATION_COLUMNS = {
    "email": "email",
    "tenant": "tenant__slug",
    "created_at": "created_at",
    "expires_at": "expires_at",
}


class MemberOut(Schema):
    """Somebody's role in a tenant."""

    id: int = Field(examples=[8])
    version: Version
    tenant: str = Field(alias="tenant.slug", examples=["acme"])
    username: str = Field(alias="user.username", examples=["alice"])
    email: str = Field(alias="user.email", examples=["alice@acme.com"])
    role: Role
    created_at: datetime


class InvitationOut(Schema):
    """An invitation by e-mail."""

    id: int = Field(examples=[9])
    version: Version
    tenant: str = Field(alias="tenant.slug", examples=["acme"])
    email: str = Field(examples=["joe@acme.com"])
    role: Role
    invited_by: str = Field(examples=["alice (token deploy pipeline)"])
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


class InvitedOut(Schema):
    """An invitation. `link` is told only now, and only where no mail can be sent: hand it on."""

    invitation: InvitationOut
    link: str | None = Field(examples=[None])


class MemberIn(StrictSchema):
    """Somebody who has an account already."""

    tenant: Slug
    account: Annotated[Text, Field(description="User name, or e-mail address where it is verified.", examples=["joe"])]
    role: Role
    reason: Reason = ""


class MemberPatch(StrictSchema):
    """Another role."""

    role: Role
    reason: Reason = ""


class InvitationIn(StrictSchema):
    """Whom to invite, and as what."""

    tenant: Slug
    email: Annotated[Text, Field(examples=["joe@acme.com"])]
    role: Role
    reason: Reason = ""


class MemberQuery(ListQuery):
    """Which members."""

    columns = _COLUMNS
    tenant: OneTenant = None
    username: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_COLUMNS)] = None


class InvitationQuery(ListQuery):
    """Which invitations."""

    columns = _INVITATION_COLUMNS
    tenant: OneTenant = None
    email: Annotated[Text | None, Field(description="Exactly this one.")] = None
    sort: Annotated[Text | None, Sortable(_INVITATION_COLUMNS)] = None


@router.get("", response={200: list[MemberOut], **PROBLEMS}, operation_id="list_members")
@paginate(Paging)
def list_members(request: HttpRequest, params: Query[MemberQuery]) -> "QuerySet[Membership]":
    """List the members of one's tenants, by tenant and name."""
    given = {"tenant__slug": params.tenant, "user__username": params.username}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = Membership.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    return params.in_order(rows, "tenant__name", "user__username")


@router.post("", response={201: MemberOut, **NAMING_PROBLEMS}, operation_id="add_member")
def add_member(request: HttpRequest, response: HttpResponse, data: MemberIn) -> Status[Membership]:
    """Make somebody who has an account a member. For operators of the platform; owners invite."""
    actor = actor_of(request)
    gathered = Gathered()
    with gathered:
        tenant = tenant_by_slug(actor, data.tenant)
    if not actor.is_operator:
        # Who may not even see the tenant learns nothing else.
        gathered.raise_any()
    with gathered:
        user = verbs.account_of(actor, data.account)
    gathered.raise_any()
    made = verbs.add_member(actor, data.reason, tenant_id=tenant.pk, user=user, role=data.role)
    return Status(201, tagged(response, made))


@router.get("/{member_id}", response={200: MemberOut, **ROW_PROBLEMS}, operation_id="get_member")
def get_member(
    request: HttpRequest, response: HttpResponse, member_id: Id, if_match: str | None = IF_MATCH
) -> Membership:
    """Get a member."""
    return looked_at(response, verbs.get_member(actor_of(request), member_id), if_match)


@router.patch("/{member_id}", response={200: MemberOut, **ROW_PROBLEMS}, operation_id="update_member")
def update_member(
    request: HttpRequest, response: HttpResponse, member_id: Id, data: MemberPatch, if_match: str | None = IF_MATCH
) -> Membership:
    """Give a member another role."""
    outcome = verbs.change_role(
        actor_of(request), data.reason, membership_id=member_id, role=data.role, if_match=versions(if_match)
    )
    return tagged(response, outcome.row)


@router.delete("/{member_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_member")
def delete_member(
    request: HttpRequest, member_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Remove a member, or leave."""
    verbs.remove_member(actor_of(request), params.reason, membership_id=member_id, if_match=versions(if_match))
    return Status(204, None)


@invitations.get("", response={200: list[InvitationOut], **PROBLEMS}, operation_id="list_invitations")
@paginate(Paging)
def list_invitations(request: HttpRequest, params: Query[InvitationQuery]) -> "QuerySet[Invitation]":
    """List invitations, the newest first."""
    given = {"tenant__slug": params.tenant, "email": params.email and params.email.lower()}
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = Invitation.objects.viewable_by(actor_of(request)).with_names().filter(**wanted)
    return params.in_order(rows, "-pk")


@invitations.post("", response={201: InvitedOut, **NAMING_PROBLEMS, 502: Problem}, operation_id="invite")
def invite(request: HttpRequest, response: HttpResponse, data: InvitationIn) -> Status[dict[str, object]]:
    """Invite somebody by e-mail."""
    actor = actor_of(request)
    tenant = tenant_by_slug(actor, data.tenant)
    invited = verbs.invite(actor, data.reason, tenant_id=tenant.pk, email=data.email, role=data.role)
    try:
        link = deliver_invitation(invited)
    except (SMTPException, OSError) as error:
        verbs.withdraw_invitation(actor, invitation_id=invited.invitation.pk)
        said = "the mail could not be written, so nobody was invited: try again later"
        raise CodedHttpError(502, said, Code.MAIL_FAILED) from error
    return Status(201, {"invitation": tagged(response, invited.invitation), "link": link})


@invitations.get("/{invitation_id}", response={200: InvitationOut, **ROW_PROBLEMS}, operation_id="get_invitation")
def get_invitation(
    request: HttpRequest, response: HttpResponse, invitation_id: Id, if_match: str | None = IF_MATCH
) -> Invitation:
    """Get an invitation."""
    return looked_at(response, verbs.get_invitation(actor_of(request), invitation_id), if_match)


@invitations.delete("/{invitation_id}", response={204: None, **ROW_PROBLEMS}, operation_id="delete_invitation")
def delete_invitation(
    request: HttpRequest, invitation_id: Id, params: Query[DeleteParams], if_match: str | None = IF_MATCH
) -> Status[None]:
    """Take an invitation back that nobody has accepted."""
    verbs.withdraw_invitation(
        actor_of(request), params.reason, invitation_id=invitation_id, if_match=versions(if_match)
    )
    return Status(204, None)

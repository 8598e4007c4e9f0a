"""The verbs of members and invitations."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from routing.accounts.links import base_url
from routing.management.verbs.named import ACCOUNT_HELP, ONLY_TENANT_HELP, TENANT_HELP, member_of, tenant_of
from routing.management.verbs.output import Column, Output, as_facts
from routing.management.verbs.verb import Options, Verb
from routing.models import Invitation, Membership, Role
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.in_order import rows_in_order
from routing.services.people.members import (
    INVITATION_DAYS,
    account_of,
    add_member,
    change_role,
    invite,
    remove_member,
    withdraw_invitation,
)

_ROLE_HELP = "what they may do: owner, operator or viewer"
# Of the settings, those from which a link's base follows.
_BASE_FROM = "FACADE_CONTROL_HOSTS, FACADE_PUBLIC_PORT and FACADE_LOOPBACK_PORT"


def member_facts(membership: Membership) -> dict[str, Any]:
    """A member, for programs."""
    return {
        "tenant": membership.tenant.slug,
        "username": membership.user.get_username(),
        "role": membership.role,
        "created_at": membership.created_at,
    }


def invitation_facts(invitation: Invitation) -> dict[str, Any]:
    """An invitation, for programs: without its secret."""
    return {
        "tenant": invitation.tenant.slug,
        "email": invitation.email,
        "role": invitation.role,
        "invited_by": invitation.invited_by,
        "expires_at": invitation.expires_at,
    }


class ListMembers(Verb):
    """Members, or invitations."""

    name = "list"
    help = "List members of tenants, or invitations that are open."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--invitations", action="store_true", help="open invitations, instead")

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        own = {"tenant": tenant_of(options["tenant"])} if options["tenant"] else {}
        tenant, role = Column("TENANT", lambda row: row["tenant"]), Column("ROLE", lambda row: row["role"])
        if options["invitations"]:
            rows = rows_in_order(_open_invitations().filter(**own), "tenant__slug")
            email = Column("E-MAIL", lambda row: row["email"])
            by = Column("INVITED BY", lambda row: row["invited_by"])
            output.table(as_facts(rows, invitation_facts), [tenant, email, role, by], "No open invitations.")
            return
        members = rows_in_order(Membership.objects.with_names().filter(**own), "tenant__slug")
        user = Column("USER", lambda row: row["username"])
        none = "No members. With --invitations: who is invited."
        output.table(as_facts(members, member_facts), [tenant, user, role], none)


def _open_invitations() -> "QuerySet[Invitation]":
    return Invitation.objects.with_names().filter(accepted_at=None, expires_at__gt=timezone.now())


class AddMember(Verb):
    """Somebody who has an account."""

    name = "add"
    help = "Make somebody who has an account a member of a tenant."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whom, and as what."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        parser.add_argument("account", metavar="ACCOUNT", help=ACCOUNT_HELP)
        parser.add_argument("--role", choices=Role.values, required=True, help=_ROLE_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Add them."""
        actor, tenant = Actor.command_line(), tenant_of(options["tenant"])
        user = account_of(actor, options["account"])
        membership = add_member(actor, options["reason"], tenant_id=tenant.pk, user=user, role=options["role"])
        output.done(
            f"made {user.get_username()} {_as(membership.role)} of {tenant.slug}", member=member_facts(membership)
        )


class Invite(Verb):
    """Somebody who has none yet."""

    name = "invite"
    help = "Invite somebody to a tenant: prints the link for them, once. A new tenant's first owner comes in by this."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whom, and as what."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        parser.add_argument("email", metavar="E-MAIL", help="their e-mail address")
        parser.add_argument("--role", choices=Role.values, default=Role.OWNER, help="default: owner")
        parser.add_argument(
            "--base-url",
            default="",
            metavar="URL",
            help=f"where the admin is reached; default: as {_BASE_FROM} say",
        )

    def run(self, options: Options, output: Output) -> None:
        """Invite them."""
        tenant, role = tenant_of(options["tenant"]), options["role"]
        invited = invite(
            Actor.command_line(), options["reason"], tenant_id=tenant.pk, email=options["email"], role=role
        )
        invitation = invited.invitation
        if is_dry_run():
            output.done(
                f"invited {invitation.email} to {tenant.slug} as {_as(role)}", invitation=invitation_facts(invitation)
            )
            return
        base = (options["base_url"] or base_url()).rstrip("/")
        link = base + reverse("invitation_link", args=[invited.token])
        output.done(
            f"for {invitation.email}, good once and for {INVITATION_DAYS} days; shown only now:",
            invitation=invitation_facts(invitation),
            link=link,
        )
        output.line(link)
        if not options["base_url"]:
            output.line(f"(it points to {base}, as {_BASE_FROM} say; --base-url names another place)")


class SetRole(Verb):
    """Of somebody who is a member."""

    name = "set-role"
    help = "Give a member another role. The last owner stays one."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose, and which."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        parser.add_argument("account", metavar="ACCOUNT", help=ACCOUNT_HELP)
        parser.add_argument("role", metavar="ROLE", choices=Role.values, help=_ROLE_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Change it."""
        membership, role = member_of(options["tenant"], options["account"]), options["role"]
        outcome = change_role(Actor.command_line(), options["reason"], membership_id=membership.pk, role=role)
        name, slug = membership.user.get_username(), membership.tenant.slug
        if outcome.changed:
            output.done(f"made {name} {_as(role)} of {slug}", member=member_facts(outcome.row))
        else:
            output.unchanged(f"{name} is {_as(role)} of {slug} already.", member=member_facts(outcome.row))


class RemoveMember(Verb):
    """Or take an invitation back."""

    name = "remove"
    help = "Remove a member from a tenant, or withdraw an open invitation."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whom."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        parser.add_argument("account", metavar="ACCOUNT", help=f"{ACCOUNT_HELP}; or the address that was invited")

    def run(self, options: Options, output: Output) -> None:
        """Remove them."""
        actor, reason = Actor.command_line(), options["reason"]
        tenant, address = tenant_of(options["tenant"]), options["account"].strip().lower()
        invitation = _open_invitations().filter(tenant=tenant, email=address).first()
        if invitation is not None:
            withdraw_invitation(actor, reason, invitation_id=invitation.pk)
            output.done(f"withdrew the invitation of {address} to {tenant.slug}")
            return
        membership = member_of(options["tenant"], options["account"])
        remove_member(actor, reason, membership_id=membership.pk)
        output.done(f"removed {membership.user.get_username()} from {tenant.slug}")


def _as(role: str) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"

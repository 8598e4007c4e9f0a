"""The verbs of tenants."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.named import TENANT_HELP, tenant_of
from routing.management.verbs.output import Column, Output, as_facts, moment, yes
from routing.management.verbs.removals import Removal, numbers, refuse_for
from routing.management.verbs.verb import Options, Status, Verb
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import ServiceError
from routing.services.base.in_order import rows_in_order
from routing.services.base.policy import mappings_outside, names_of
from routing.services.base.quotas import HELD, quota_for
from routing.services.changes.approval import require_approval
from routing.services.changes.policy import PolicyChanges, change_policy
from routing.services.leaving.tenant_removal import get_tenant_removal, remove_tenant
from routing.services.people.tenants import add_tenant

_ON_OFF = ("on", "off")
_SHOWN_OUTSIDE = 50


def tenant_facts(tenant: Tenant) -> dict[str, Any]:
    """A tenant, for programs."""
    return {
        "tenant": tenant.slug,
        "name": tenant.name,
        "suspended": tenant.suspended,
        "suspension_message": tenant.suspension_message,
        "needs_approval": tenant.needs_approval,
    }


class ListTenants(Verb):
    """All."""

    name = "list"
    help = "List tenants."

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        columns = [
            Column("TENANT", lambda row: row["tenant"]),
            Column("NAME", lambda row: row["name"]),
            Column("STATE", lambda row: "suspended" if row["suspended"] else "served"),
        ]
        output.table(as_facts(rows_in_order(Tenant.objects.all(), "slug"), tenant_facts), columns, "No tenants.")


class AddTenant(Verb):
    """An organisation."""

    name = "add"
    help = "Add a tenant. Its first owner comes in by “facade member invite”."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its names."""
        parser.add_argument("tenant", metavar="TENANT", help="its slug: lower-case letters, digits and hyphens")
        parser.add_argument("--name", metavar="TEXT", help="the organisation's name (default: the slug)")

    def run(self, options: Options, output: Output) -> None:
        """Add it."""
        slug, known = options["tenant"], Tenant.objects.filter(slug=options["tenant"]).first()
        if known is not None and options["name"] in (None, known.name):
            output.unchanged(f"There is a tenant {slug} already.", tenant=tenant_facts(known))
            return
        if known is not None:
            said = f"there is a tenant {slug} already, called {known.name}"
            raise ServiceError(f"{said}; its page in the admin renames it")
        tenant = add_tenant(Actor.command_line(), options["reason"], slug=slug, name=options["name"] or slug)
        output.done(f"added tenant {tenant.slug}", tenant=tenant_facts(tenant))


class ShowTenant(Verb):
    """With what it has, of what it may."""

    name = "show"
    help = "Show a tenant, and how much it has of what it may have."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        tenant = tenant_of(options["tenant"])
        quota = quota_for(tenant)._asdict()
        held = {name: count(tenant) for name, count in HELD.items()}
        output.facts(
            **tenant_facts(tenant),
            holds={name: {"count": number, "at_most": quota[name]} for name, number in held.items()},
            version=tenant.version,
            created_at=tenant.created_at,
        )
        output.labelled(
            [
                ("tenant", tenant.slug),
                ("name", tenant.name),
                ("suspended", yes(tenant.suspended)),
                ("message", tenant.suspension_message),
                ("approval", "change sets need a second person's" if tenant.needs_approval else ""),
                *((name, f"{number:,} of {quota[name]:,}") for name, number in held.items()),
                ("created", moment(tenant.created_at)),
            ]
        )


class RequireApproval(Verb):
    """Four eyes, or two."""

    name = "require-approval"
    help = "Have a tenant's change sets approved by a second person before they are applied; with --off, no more."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        parser.add_argument("--off", action="store_true", help="no approval is needed any more")

    def run(self, options: Options, output: Output) -> None:
        """Say so."""
        outcome = require_approval(
            Actor.command_line(),
            options["reason"],
            tenant_id=tenant_of(options["tenant"]).pk,
            needed=not options["off"],
        )
        said = f"change sets of {outcome.row.slug} need {'no' if options['off'] else 'an'} approval"
        if outcome.changed:
            output.done(said, tenant=tenant_facts(outcome.row))
        else:
            output.unchanged(f"{said[:1].upper()}{said[1:]} already.", tenant=tenant_facts(outcome.row))


class TenantPolicy(Verb):
    """What is allowed at all."""

    name = "policy"
    help = (
        "Show a tenant's policy, and which mappings stand outside it; or change it: to which registries its mappings "
        "may point, and whether a repoint takes a clean report and a change set an approval."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose, and what of it changes."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--registries", metavar="REGISTRY", nargs="+", help="its mappings may point to these alone, such as ghcr.io"
        )
        where.add_argument("--any-registry", action="store_true", help="its mappings may point anywhere")
        parser.add_argument(
            "--clean-reports",
            choices=_ON_OFF,
            help="on: a mapping is repointed once a clean report of the last 24 hours says that nothing differs",
        )
        parser.add_argument(
            "--approval", choices=_ON_OFF, help="on: a second person approves change sets before they are applied"
        )

    def run(self, options: Options, output: Output) -> None:
        """Change what is given, and print what it is."""
        tenant = tenant_of(options["tenant"])
        wanted: PolicyChanges = {}
        if options["registries"] or options["any_registry"]:
            wanted["registries"] = options["registries"] or []
        if options["clean_reports"]:
            wanted["needs_clean_reports"] = options["clean_reports"] == "on"
        if options["approval"]:
            wanted["needs_approval"] = options["approval"] == "on"
        if wanted:
            outcome = change_policy(Actor.command_line(), options["reason"], tenant_id=tenant.pk, **wanted)
            tenant, said = outcome.row, f"the policy of {outcome.row.slug}"
            if outcome.changed:
                output.done(f"changed {said}")
            else:
                output.unchanged(f"Nothing to change: that is {said} already.")
        outside = mappings_outside(tenant)
        shown = [{"source": row.source, "target": row.target} for row in outside[:_SHOWN_OUTSIDE]]
        output.facts(policy=policy_facts(tenant), outside=outside.count(), outside_shown=shown)
        output.labelled(
            [
                ("registries", names_of(tenant.allowed_origins) or "any"),
                ("clean reports", yes(tenant.needs_clean_reports)),
                ("approval", yes(tenant.needs_approval)),
                ("waits", "a looser policy, for another owner's word" if tenant.policy_request else ""),
                *(("outside", f"{row['source']} → {row['target']}") for row in shown),
            ]
        )


def policy_facts(tenant: Tenant) -> dict[str, Any]:
    """A policy, for programs."""
    return {
        "registries": tenant.allowed_origins or None,
        "needs_clean_reports": tenant.needs_clean_reports,
        "needs_approval": tenant.needs_approval,
    }


class RemoveWholeTenant(Removal):
    """Whatever it has."""

    name = "remove"
    help = (
        "Take a tenant off the platform, with its hostnames, mappings, registries and all else that is its own. "
        "Its history stays, and so do the accounts of its members. Export it first."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)
        super().add_arguments(parser)

    def run(self, options: Options, output: Output) -> None:
        """Remove it, after it was told what goes. A dry run only counts: a big tenant's rows are many."""
        actor, tenant = Actor.command_line(), tenant_of(options["tenant"])
        plan = get_tenant_removal(actor, tenant_id=tenant.pk)
        obstacles = [plan.obstacle] if plan.obstacle else []
        goes, stays = dict(plan.goes), dict(plan.stays)
        facts: dict[str, Any] = {"tenant": tenant.slug, "goes": goes, "stays": stays, "obstacles": obstacles}
        refuse_for(obstacles, {**facts, "removed": False}, output)
        self.confirm(options, output, tenant.slug, goes)
        if not is_dry_run():
            facts["goes"] = remove_tenant(actor, options["reason"], tenant_id=tenant.pk, everything=True)
        gone = {what: facts["goes"].get(what, 0) for what in goes}
        lines = [f"removed tenant {tenant.slug}: {numbers(gone)}", f"what stays: {numbers(stays)}"]
        output.done(*lines, **facts, removed=not is_dry_run())


class RemoveTenant(RemoveWholeTenant):
    """One that is empty; the whole, where that is said."""

    help = (
        "Remove a tenant that has no hostnames and no registries left; with --everything one that has. Its history "
        "stays, and so do the accounts of its members. Export it first."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and with what."""
        super().add_arguments(parser)
        parser.add_argument(
            "--everything",
            action="store_true",
            help="with its hostnames, mappings, registries and all else that is its own",
        )

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        if options["everything"]:
            super().run(options, output)
            return
        tenant = tenant_of(options["tenant"])
        remove_tenant(Actor.command_line(), options["reason"], tenant_id=tenant.pk)
        output.done(f"removed tenant {tenant.slug}")

"""manage.py remove_tenant SLUG"""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from routing.management.leaving import RemovalCommand, numbers
from routing.management.verbs.named import TENANT_HELP, tenant_of
from routing.services.base.actor import Actor
from routing.services.leaving.tenant_removal import get_tenant_removal, remove_tenant


class Command(RemovalCommand):
    help = (
        "Take a tenant off the platform, with its hostnames, mappings, registries and all else that is its own. "
        "Its history stays, and so do the accounts of its members. Export it first: export_tenant."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help=TENANT_HELP)
        super().add_arguments(parser)

    def handle(self, **options: Any) -> None:
        actor = Actor.command_line()
        with self.refusals():
            tenant = tenant_of(options["tenant"])
            plan = get_tenant_removal(actor, tenant_id=tenant.pk)
        obstacles = [plan.obstacle] if plan.obstacle else []
        facts = {"tenant": tenant.slug, "goes": dict(plan.goes), "stays": dict(plan.stays), "obstacles": obstacles}
        if options["dry_run"]:
            lines = [f"would remove {tenant.slug}: {numbers(plan.goes)}", f"would stay: {numbers(plan.stays)}"]
            self.tell(options, {**facts, "removed": False}, lines)
            if obstacles:
                raise CommandError(plan.obstacle)
            return
        if not options["json"] and not options["yes"]:
            self.print_lines([f"{tenant.slug} has {numbers(plan.goes)}"])
        self.ask(options, tenant.slug)
        with self.refusals():
            gone = remove_tenant(actor, options["reason"], tenant_id=tenant.pk, everything=True)
        lines = [f"removed tenant {tenant.slug}: {numbers(gone)}", f"what stays: {numbers(plan.stays)}"]
        self.tell(options, {**facts, "goes": gone, "removed": True}, lines)

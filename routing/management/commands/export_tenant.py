"""manage.py export_tenant SLUG [--output FILE]"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.leaving import ExportCommand
from routing.management.verbs.named import TENANT_HELP, tenant_of
from routing.services.base.actor import Actor
from routing.services.leaving.exports import export_tenant


class Command(ExportCommand):
    help = "Write a tenant, with all that is its own, as a JSON document. It holds no secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help=TENANT_HELP)
        super().add_arguments(parser)

    def handle(self, **options: Any) -> None:
        with self.refusals():
            tenant = tenant_of(options["tenant"])
            self.write(options["output"], export_tenant(Actor.command_line(), tenant_id=tenant.pk))

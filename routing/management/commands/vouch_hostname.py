"""manage.py vouch_hostname NAME --tenant T"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import CLAIMED_HELP, TENANT_HELP, ServiceCommand, tenant_of
from routing.services.base.actor import Actor
from routing.services.hostnames.claims import vouch_hostname


class Command(ServiceCommand):
    help = "Make a name a tenant's hostname without a proof, or free a hostname from its proof: you vouch for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=CLAIMED_HELP)
        parser.add_argument("--tenant", required=True, help=TENANT_HELP)
        parser.add_argument("--reason", default="", help="kept with the change")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            tenant = tenant_of(options["tenant"])
            actor = Actor.command_line()
            hostname = vouch_hostname(actor, options["reason"], tenant_id=tenant.pk, name=options["name"])
        self.print_lines([f"vouched for {hostname}: it is a hostname of {tenant.slug} that needs no proof"])

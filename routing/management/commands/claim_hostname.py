"""manage.py claim_hostname NAME --tenant T"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import CLAIMED_HELP, TENANT_HELP, ServiceCommand, tenant_of
from routing.services.base.actor import Actor
from routing.services.hostnames.claims import claim_hostname
from routing.services.hostnames.proof import proof_record


class Command(ServiceCommand):
    help = "Claim a hostname for a tenant, and tell which DNS record proves it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=CLAIMED_HELP)
        parser.add_argument("--tenant", required=True, help=TENANT_HELP)

    def handle(self, **options: Any) -> None:
        with self.refusals():
            tenant = tenant_of(options["tenant"])
            claim = claim_hostname(Actor.command_line(), tenant_id=tenant.pk, name=options["name"])
        record = proof_record(claim)
        assert record is not None
        self.print_lines([f"claimed {claim} for {tenant.slug}; it is served once this DNS record proves it:"])
        self.stdout.write(f'\n    {record.name}.  {record.type}  "{record.value}"\n\n')
        self.stdout.write(f"Then: manage.py check_claim '{claim}' --tenant {tenant.slug}")

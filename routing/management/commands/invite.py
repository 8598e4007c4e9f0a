"""manage.py invite TENANT E-MAIL --role owner"""

from typing import Any

from django.core.management.base import CommandParser
from django.urls import reverse

from routing.accounts.links import base_url
from routing.management.service_command import TENANT_HELP, ServiceCommand, tenant_of
from routing.models import Role
from routing.services.base.actor import Actor
from routing.services.people.members import INVITATION_DAYS, invite


class Command(ServiceCommand):
    help = "Invite somebody to a tenant: prints the link for them, once. A new tenant's first owner comes in by this."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help=TENANT_HELP)
        parser.add_argument("email", help="their e-mail address")
        parser.add_argument("--role", choices=Role.values, default=Role.OWNER, help="default: owner")
        parser.add_argument(
            "--base-url", default="", help="where the admin is reached, if the link shows another place"
        )

    def handle(self, **options: Any) -> None:
        with self.refusals():
            tenant = tenant_of(options["tenant"])
            actor = Actor.command_line()
            invited = invite(actor, tenant_id=tenant.pk, email=options["email"], role=options["role"])
        base = (options["base_url"] or base_url()).rstrip("/")
        self.print_lines([f"for {invited.invitation.email}, good once and for {INVITATION_DAYS} days; shown only now:"])
        self.stdout.write(base + reverse("invitation_link", args=[invited.token]))

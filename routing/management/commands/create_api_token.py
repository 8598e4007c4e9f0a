"""manage.py create_api_token USERNAME NAME"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from routing.accounts.second_factor import lacks_second_factor
from routing.management.service_command import ServiceCommand, tenant_of
from routing.services.base.actor import Actor
from routing.services.people.api_tokens import create_api_token


class Command(ServiceCommand):
    help = "Make an API token that acts as a person: prints it, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="as whom it acts")
        parser.add_argument("name", help="what it is for, such as “deploy pipeline”")
        parser.add_argument("--tenant", help="the only tenant for which it is good, by slug")
        parser.add_argument("--read-only", action="store_true", help="it looks, and changes nothing")
        parser.add_argument("--days", type=int, help="after so many days it expires; default: never")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            user = get_user_model()._default_manager.filter(username=options["username"], is_active=True).first()
            if user is None:
                raise CommandError(f"there is nobody of the name {options['username']} who may sign in")
            if lacks_second_factor(user):
                raise CommandError(f"{user} needs two-factor authentication first (FACADE_MFA_REQUIRED_FOR)")
            made = create_api_token(
                Actor.command_line(),
                user=user,
                name=options["name"],
                tenant_id=tenant_of(options["tenant"]).pk if options["tenant"] else None,
                read_only=options["read_only"],
                days=options["days"],
            )
        self.stdout.write(made.secret)

"""manage.py reset_second_factor NAME"""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from routing.management.service_command import ServiceCommand
from routing.services.base.actor import Actor
from routing.services.base.events import announce


class Command(ServiceCommand):
    help = "Remove somebody's authenticator app, security keys and recovery codes, when all of them are lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their user name")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            user = get_user_model()._default_manager.filter(username=options["name"]).first()
            if user is None:
                raise CommandError(f"there is nobody of the name {options['name']}")
            with transaction.atomic():
                count, _ = Authenticator.objects.filter(user=user).delete()
                announce(Actor.command_line(), "account.second_factor_reset", user_id=user.pk)
        self.print_lines(
            [f"removed {count} second factors of {user}; the password alone lets them in until they set up another"]
        )

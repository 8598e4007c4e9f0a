"""manage.py changepassword NAME"""

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import changepassword

from routing.services.base.actor import Actor
from routing.services.people.api_tokens import revoke_every_api_token


class Command(changepassword.Command):
    help = "Give somebody a new password. Ends their sessions and API tokens: who had the old one may have made some."

    def handle(self, *arguments: Any, **options: Any) -> str:
        said = super().handle(*arguments, **options)
        user = get_user_model()._default_manager.get_by_natural_key(options["username"] or getpass.getuser())
        ended = revoke_every_api_token(Actor.command_line(), "the password was set at the command line", user=user)
        return f"{said}\nAPI tokens that ended with the old one: {ended}"

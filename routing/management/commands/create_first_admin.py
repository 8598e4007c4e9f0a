"""`manage.py create_first_admin`: lets the first person in."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from routing.management.service_command import ServiceCommand
from routing.services.base.actor import Actor
from routing.services.base.events import announce

USERNAME = "admin"


class Command(ServiceCommand):
    """Creates the user `admin` with a random password, shown this once, when nobody administers the facade yet.

    Safe to call at every start, by several processes at once: one of them creates the user, the others say nothing.
    """

    help = "Create the first administrator and print the password, once; does nothing when there is an administrator."

    def handle(self, **options: Any) -> None:
        """Create the user if there is no superuser."""
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            return
        # 96 bits, and nothing in it that a double click doesn't select.
        password = secrets.token_hex(12)
        try:
            with transaction.atomic():
                made = users.create_superuser(username=USERNAME, email="", password=password)
                announce(Actor.command_line(), "account.first_admin_created", user_id=made.pk)
        except IntegrityError:
            if not users.filter(is_superuser=True).exists():
                self.stderr.write(
                    f"There is no administrator, and {USERNAME!r} is the name of somebody who isn't one. "
                    "Create one with: manage.py createsuperuser"
                )
            return
        self.stdout.write(
            f"\nThe first administrator:  name {USERNAME}  password {password}\n"
            "This is shown only now. Change it in the admin, under 'Change password'.\n\n"
        )

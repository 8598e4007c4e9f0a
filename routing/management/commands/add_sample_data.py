"""`manage.py add_sample_data`: three tenants with people, hostnames and mappings, for whoever works on the facade."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from routing.management.sample_data import MEMBERS, PASSWORD, PLATFORM, add_sample_data
from routing.management.service_command import ServiceCommand


class Command(ServiceCommand):
    """Adds sample data where there is none. Refused without DEBUG: everybody's password is known."""

    help = "Add three tenants with people, hostnames and mappings, for working on the facade. Needs DEBUG=true."

    def handle(self, **options: Any) -> None:
        """Add it, and say who can sign in."""
        if not settings.DEBUG:
            raise CommandError(
                "sample data has people whose passwords everybody knows: set DEBUG=true, or use make dev"
            )
        with self.refusals():
            added = add_sample_data()
        people = [
            f"{PLATFORM} (operator of the platform)",
            *(f"{name} ({role} of {slug})" for name, slug, role in MEMBERS),
        ]
        self.stdout.write("Added sample data." if added else "The sample data is there already.")
        self.stdout.write(f"Sign in as {', '.join(people)}. Everybody's password: {PASSWORD}")

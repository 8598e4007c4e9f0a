"""`manage.py demo_data`: a month of a believable platform, for pictures and for trying out."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from routing.management.demo_data import add_demo_data, has_other_rows
from routing.management.service_command import ServiceCommand


class Command(ServiceCommand):
    """Adds it where it isn't. Nobody can sign in as the people that come with it."""

    help = (
        "Add three tenants with people, hostnames, mappings, history and a month of pulls, for trying the facade out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One confirmation."""
        parser.add_argument(
            "--among-others",
            action="store_true",
            help="also into a database that holds other rows: they stay as they are",
        )

    def handle(self, **options: Any) -> None:
        """Add it."""
        if not options["among_others"] and has_other_rows():
            raise CommandError(
                "this database holds other rows: use an empty one, or add --among-others to have the demonstration "
                "beside them"
            )
        with self.refusals():
            added = add_demo_data()
        self.stdout.write("Added the demonstration." if added else "The demonstration is there already.")

"""manage.py export_person NAME [--output FILE]"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.leaving import ExportCommand, person_of
from routing.services.base.actor import Actor
from routing.services.leaving.exports import export_person


class Command(ExportCommand):
    help = "Write what the facade knows of a person as a JSON document. It holds no secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their user name")
        super().add_arguments(parser)

    def handle(self, **options: Any) -> None:
        with self.refusals():
            user = person_of(options["name"])
            self.write(options["output"], export_person(Actor.command_line(), user_id=user.pk))

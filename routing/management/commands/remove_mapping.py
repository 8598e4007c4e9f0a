"""manage.py remove_mapping HOSTNAME PREFIX"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import HOSTNAME_HELP, PREFIX_HELP, ServiceCommand
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import remove_mapping


class Command(ServiceCommand):
    help = "Remove a mapping. Its history stays; pulls under it are refused from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hostname", help=HOSTNAME_HELP)
        parser.add_argument("prefix", help=PREFIX_HELP)
        parser.add_argument("--reason", default="", help="kept with the change")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            was = remove_mapping(
                Actor.command_line(), options["reason"], hostname=options["hostname"], prefix=options["prefix"]
            )
        self.print_lines([f"removed mapping {was}"])

"""manage.py repoint HOSTNAME PREFIX TARGET --reason TEXT"""

from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import HOSTNAME_HELP, PREFIX_HELP, TARGET_HELP, ServiceCommand
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import repoint


class Command(ServiceCommand):
    help = "Lead a mapping to another registry or upstream prefix; workers follow within a second."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hostname", help=HOSTNAME_HELP)
        parser.add_argument("prefix", help=PREFIX_HELP)
        parser.add_argument("target", help=TARGET_HELP)
        parser.add_argument("--reason", required=True, help="why; kept with the change")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            outcome = repoint(
                Actor.command_line(),
                options["reason"],
                hostname=options["hostname"],
                prefix=options["prefix"],
                target=options["target"],
            )
        self.print_lines(outcome.notes or [f"nothing to change: {outcome.mapping} already"])
        if outcome.changed:
            self.print_probe(outcome.mapping)

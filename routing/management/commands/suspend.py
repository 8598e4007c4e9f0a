"""manage.py suspend --tenant T | --hostname NAME"""

from django.core.management.base import CommandParser

from routing.management.suspension import SuspensionCommand


class Command(SuspensionCommand):
    help = "Refuse every request for a tenant's hostnames, or for one hostname, on every worker within a second."
    suspended = True
    done = "suspended"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--message", default="", help="what clients are told; default: to ask its owner")

"""The verb that keeps an engine's files on a machine without a database.

`manage.py` runs it before Django is there; this is its place in the help, and for whoever calls it from Django.
"""

from argparse import ArgumentParser, Namespace

from routing.edge import command
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.services.base.errors import ServiceError


class Edge(Verb):
    """Once, or again and again."""

    name = "edge"
    help = command.HELP
    has_json = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """As `manage.py edge` has them."""
        command.add_arguments(parser)

    def run(self, options: Options, output: Output) -> None:
        """Keep them. Raises ServiceError, NotSo."""
        try:
            status = command.run(Namespace(**options))
        except (OSError, ValueError) as error:
            raise ServiceError(str(error)) from error
        if status:
            raise NotSo

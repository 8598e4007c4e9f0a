"""manage.py facade: all that the command line does, by nouns and verbs. The program `facade` runs it."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from routing.management.completion import SHELLS, script
from routing.management.entry import build_parser, parser_of
from routing.management.service_command import ServiceCommand, prepare_streams
from routing.management.verbs.about import Version, version_in_words
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Status, Verb


class Completion(Verb):
    """For the shell that people use."""

    name = "completion"
    help = "Print the script by which a shell completes this command: bash, zsh or fish."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which shell."""
        parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        output.line(script(options["shell"], command_parser()).rstrip("\n"))


class Help(Verb):
    """What people type who look for it. It is `--help`, and ends with the same status."""

    name = "help"
    help = "Say what a command does: “facade help mapping add” is “facade mapping add --help”."
    has_json = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of which command."""
        parser.add_argument("command", metavar="COMMAND", nargs="*", help="such as mapping, or mapping add; none: all")

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        parser = command_parser()
        try:
            parser = parser_of(parser, options["command"])
        except KeyError:
            said = f"there is no command {' '.join(options['command'])}; see facade --help"
            raise CommandError(said, returncode=Status.USAGE) from None
        output.line(parser.format_help().rstrip("\n"))


def command_parser() -> CommandParser:
    """The parser of the whole command line."""
    return build_parser([Help, Version, Completion])


class Command(ServiceCommand):
    help = "All that the command line does, by nouns and verbs: facade mapping add, facade explain …"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser, without Django's own options."""
        return command_parser()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run, from the command line."""
        prepare_streams()
        try:
            options = vars(self.create_parser(*argv[:2]).parse_args(argv[2:]))
            self.execute(**options)
        except CommandError as error:
            if "--traceback" in argv:
                raise
            self.stderr.write(f"facade: {error}")
            sys.exit(error.returncode)
        finally:
            connections.close_all()
        if self.status:
            sys.exit(self.status)

    def handle(self, **options: Any) -> None:
        """Do what was asked. Without a verb, say what there is."""
        if options["show_version"]:
            self.stdout.write(version_in_words())
        elif options["verb"] is None:
            self.stderr.write(options["usage_of"].format_help())
            self.status = Status.USAGE
        else:
            self.run_verb(options["verb"](), options)

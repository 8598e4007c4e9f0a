"""What the commands have in common: a verb's refusal is one line, and an exit status that says of what kind it is."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from typing import Any, ClassVar

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from routing.management.database_errors import in_a_line
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.request_id import current_request_id, request_id
from routing.services.base import events
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import NotFound, ServiceError

#: What is looked at before a command. `manage.py check` looks at everything.
CHECKS = (Tags.security,)


def prepare_streams() -> None:
    """Make standard output and error, and the log, what somebody at a shell wants to see."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that can't show “→” shows ? instead of a traceback.
            stream.reconfigure(errors="replace")
    if settings.FACADE_LOG_FORMAT == "line":
        # What a command does it says in sentences. A line of the log beside each is for programs, in their form.
        events.logger.setLevel(logging.WARNING)


class ServiceCommand(BaseCommand):
    """A command that calls a verb. Wrong input, of whichever kind, is one line on stderr, and an exit status."""

    # The others look at every page and route of the API, which takes longer than all else that a command does.
    requires_system_checks = CHECKS
    #: What it ends with where there is nothing more to say.
    status = Status.DONE

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser, which raises CommandError where argparse would print its usage and exit."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run, from the command line."""
        prepare_streams()
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            # Django prints those of the command, but lets the parser's through as a traceback.
            if "--traceback" in argv:
                raise
            self.stderr.write(f"CommandError: {str(error).removeprefix('Error: ')}; see {argv[1]} --help")
            sys.exit(Status.USAGE)
        if self.status:
            sys.exit(self.status)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it as one call, with an id of its own that the history and the log have."""
        with request_id():
            return super().execute(*args, **options)

    def print_lines(self, lines: list[str]) -> None:
        """Tell what was done, a line each."""
        for line in lines:
            self.stdout.write(line[0].upper() + line[1:])

    def run_verb(self, verb: Verb, options: Options) -> None:
        """Do it, and print what it says. Raises CommandError."""
        output = Output(self.stdout, self.stderr, as_json=bool(options.get("json")))
        trial = dry_run() if options.get("dry_run") else nullcontext()
        with self.refusals(verb.missing), trial:
            try:
                verb.run(options, output)
            except NotSo as error:
                output.close()
                if str(error):
                    raise CommandError(str(error), returncode=Status.NOT_SO) from error
                self.status = Status.NOT_SO
                return
            output.close()

    @contextmanager
    def refusals(self, missing: Status = Status.REFUSED) -> Iterator[None]:
        """Turn a refusal, or a database that isn't there, into one clear line.

        `missing`: what the command ends with where something that was named isn't there.
        """
        try:
            yield
        except ServiceError as error:
            status = missing if isinstance(error, NotFound) else Status.REFUSED
            raise CommandError(error.command_line_message, returncode=status) from error
        except Error as error:
            line = in_a_line(error)
            if line is None:
                raise
            raise CommandError(f"{line} (request {current_request_id()})") from error


class VerbCommand(ServiceCommand):
    """A verb of `facade`, by the name that it has among Django's commands."""

    verb: ClassVar[type[Verb]]

    def __init_subclass__(cls) -> None:
        """Take the verb's help."""
        super().__init_subclass__()
        cls.help = cls.verb.help

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the verb takes."""
        self.verb.add_to(parser)

    def handle(self, **options: Any) -> None:
        """Do it."""
        self.run_verb(self.verb(), options)

"""What the commands have in common: a verb's refusal is one line and exit status 1."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from routing.management.database_errors import in_a_line
from routing.models import Mapping, Tenant
from routing.request_id import current_request_id, request_id
from routing.services.base import events
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.registries.probes import probe_mapping

HOSTNAME_HELP = "the name that people pull from, such as docker.acme.com"
CLAIMED_HELP = "the name to serve, such as docker.acme.com, or '*.pull.acme.com' for all names below"
TENANT_HELP = "slug of the tenant"
PREFIX_HELP = 'leading components of the repository name, such as acme or acme/app; "" for the whole hostname'
TARGET_HELP = (
    "registry[/upstream-prefix], such as ghcr.io/acme, docker.io/acme, https://registry.acme.com:5000/team; or the "
    "address of a web page about an image, such as https://hub.docker.com/r/acme/app"
)


#: What is looked at before a command. `manage.py check` looks at everything.
CHECKS = (Tags.security,)


def tenant_of(slug: str) -> Tenant:
    """The tenant of that slug. Raises NotFound."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise NotFound(f"there is no tenant {slug}")
    return tenant


class ServiceCommand(BaseCommand):
    """A command that calls a verb. Wrong input, of whichever kind, is one line on stderr and exit status 1."""

    # The others look at every page and route of the API, which takes longer than all else that a command does.
    requires_system_checks = CHECKS

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser, which raises CommandError where argparse would print its usage and exit with status 2."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run, from the command line."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A terminal that can't show “→” shows ? instead of a traceback.
                stream.reconfigure(errors="replace")
        if settings.FACADE_LOG_FORMAT == "line":
            # What a command does it says in sentences. A line of the log beside each is for programs, in their form.
            events.logger.setLevel(logging.WARNING)
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            # Django prints those of the command, but lets the parser's through as a traceback.
            if "--traceback" in argv:
                raise
            self.stderr.write(f"CommandError: {str(error).removeprefix('Error: ')}; see {argv[1]} --help")
            sys.exit(1)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it as one call, with an id of its own that the history and the log have."""
        with request_id():
            return super().execute(*args, **options)

    def print_lines(self, lines: list[str]) -> None:
        """Tell what was done, a line each."""
        for line in lines:
            self.stdout.write(line[0].upper() + line[1:])

    def print_probe(self, mapping: Mapping) -> None:
        """Ask the mapping's registry what it wants, and say what it said. Whatever comes of it, the mapping stands."""
        if not settings.FACADE_PROBE_ON_SAVE:
            return
        try:
            registry = probe_mapping(Actor.command_line(), mapping_id=mapping.pk).registry
        except ServiceError as error:
            self.stdout.write(f"Not probed: {error.message}")
            return
        if registry.probe_error:
            self.stdout.write(f"Note: {registry} could not be asked what it wants: {registry.probe_error}")
        else:
            self.stdout.write(f"{registry} asks for {'no token' if registry.auth == 'none' else registry.auth}")

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal, or a database that isn't there, into one clear line."""
        try:
            yield
        except ServiceError as error:
            raise CommandError(error.message) from error
        except Error as error:
            line = in_a_line(error)
            if line is None:
                raise
            raise CommandError(f"{line} (request {current_request_id()})") from error

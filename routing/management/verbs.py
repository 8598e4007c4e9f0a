"""What the commands have in common: a verb's refusal is one line and exit status 1. Imports services.errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from routing.services.errors import VerbError

HOSTNAME_HELP = "the name that people pull from, such as docker.acme.com"
PREFIX_HELP = 'leading components of the repository name, such as acme or acme/app; "" for the whole hostname'
TARGET_HELP = "registry[/upstream-prefix], such as ghcr.io/acme, docker.io/acme, https://registry.acme.com:5000/team"


class VerbCommand(BaseCommand):
    """A command that calls a verb."""

    def say(self, lines: list[str]) -> None:
        """Tell what was done, a line each."""
        for line in lines:
            self.stdout.write(line[0].upper() + line[1:])

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a refusal, or a database that isn't there, into one clear line."""
        try:
            yield
        except VerbError as error:
            raise CommandError(error.message) from error
        except DatabaseError as error:
            detail = " ".join(str(error).split())
            raise CommandError(f"the database can't be used: {detail}. Was “manage.py migrate” run?") from error

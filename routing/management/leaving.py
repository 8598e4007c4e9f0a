"""What the commands of who leaves have in common."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from routing.management.service_command import ServiceCommand
from routing.services.base.errors import NotFound


def person_of(name: str) -> Any:
    """Whoever has that user name. Raises NotFound."""
    user = get_user_model()._default_manager.filter(username=name).first()
    if user is None:
        raise NotFound(f"there is nobody of the name {name}")
    return user


class RemovalCommand(ServiceCommand):
    """Removes something after it has told what goes; `--dry-run` tells alone."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="", help="kept with what is removed")
        parser.add_argument("--dry-run", action="store_true", help="tell what would go and what would stay; do nothing")
        parser.add_argument("--json", action="store_true", help="tell it as JSON, for programs")
        parser.add_argument("--yes", action="store_true", help="don't ask, at a terminal")

    def tell(self, options: Mapping[str, Any], facts: Mapping[str, Any], lines: list[str]) -> None:
        """What is or would be done: facts for programs, lines for people."""
        if options["json"]:
            self.stdout.write(json.dumps(facts, indent=2))
        else:
            self.print_lines(lines)

    def ask(self, options: Mapping[str, Any], name: str) -> None:
        """At a terminal, have the name typed once more. Raises CommandError where it isn't."""
        if options["yes"] or options["json"] or not sys.stdin.isatty():
            return
        if input(f"This can't be undone. Type {name} to go on: ").strip() != name:
            raise CommandError("nothing was changed")


class ExportCommand(ServiceCommand):
    """Writes a JSON document, to a file or to the standard output."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output", default="-", help="the file to write, which must not be there; default: print it"
        )

    def write(self, output: str, pieces: Iterator[str]) -> None:
        """Write the pieces. Raises CommandError for a file that can't be made."""
        if output == "-":
            for piece in pieces:
                self.stdout.write(piece, ending="")
            return
        path = Path(output)
        try:
            # Of people, and of who may do what: for whoever runs this alone.
            path.touch(mode=0o600, exist_ok=False)
            with path.open("w") as file:
                file.writelines(pieces)
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error.strerror}") from error
        self.stderr.write(f"Wrote {path}")


def numbers(counts: Mapping[str, int]) -> str:
    """Counts in words, without what there is none of."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing"

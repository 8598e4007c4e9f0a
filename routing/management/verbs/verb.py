"""What every verb of the command line has."""

from argparse import ArgumentParser
from enum import IntEnum
from typing import Any, ClassVar

from routing.management.verbs.output import Output

Options = dict[str, Any]


class Status(IntEnum):
    """Exit statuses, for scripts."""

    DONE = 0
    #: Nothing was changed: the message says why.
    REFUSED = 1
    #: The command line itself is wrong.
    USAGE = 2
    #: What was asked is not so, or not there.
    NOT_SO = 3


class NotSo(Exception):
    """What was asked is not so. The message, where there is one, is told on standard error."""


class Verb:
    """One thing that the command line does, such as `facade mapping add`."""

    name: ClassVar[str]
    help: ClassVar[str]
    #: Whether it writes anything: it then has `--reason` and `--dry-run`.
    changes: ClassVar[bool] = False
    takes_reason: ClassVar[bool] = True
    needs_reason: ClassVar[bool] = False
    has_json: ClassVar[bool] = True
    #: What it ends with where something that was named is not there.
    missing: ClassVar[Status] = Status.REFUSED

    @classmethod
    def add_to(cls, parser: ArgumentParser) -> None:
        """Declare its arguments, then those that all such verbs have."""
        cls.add_arguments(parser)
        if cls.changes and cls.takes_reason:
            words = "why; kept with the change" if cls.needs_reason else "kept with the change"
            parser.add_argument("--reason", required=cls.needs_reason, default="", metavar="TEXT", help=words)
        if cls.changes:
            parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        if cls.has_json:
            parser.add_argument("--json", action="store_true", help="print JSON, for programs")

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Declare what it takes."""

    def run(self, options: Options, output: Output) -> None:
        """Do it. Raises ServiceError, NotSo."""
        raise NotImplementedError

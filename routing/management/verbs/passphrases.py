"""The passphrase of a backup: from a file, from the environment, or typed. Never an argument, which others can see."""

import getpass
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings

from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options
from routing.services.base.errors import ServiceError

MIN_LENGTH = 12
_WAYS = "name a file with it (--passphrase-file), or set FACADE_BACKUP_PASSPHRASE"


def add_passphrase(parser: ArgumentParser) -> None:
    """Declare where it may come from."""
    parser.add_argument(
        "--passphrase-file",
        metavar="PATH",
        help="a file that holds the passphrase; default: FACADE_BACKUP_PASSPHRASE, else it is asked for at a terminal",
    )


def new_passphrase(options: Options, output: Output, *, needed: bool) -> str | None:
    """The passphrase of a backup that is to be made; None where none was given and none is `needed`.

    Raises ServiceError.
    """
    passphrase = _given(options)
    if passphrase is None and needed:
        passphrase = _typed(output, "Passphrase of the backup: ")
        if passphrase != _typed(output, "The same once more: "):
            raise ServiceError("the two are not the same: no backup was made")
    if passphrase is not None and len(passphrase) < MIN_LENGTH:
        raise ServiceError(f"the passphrase has fewer than {MIN_LENGTH} characters: take a longer one")
    return passphrase


def known_passphrase(options: Options, output: Output) -> str:
    """The passphrase of a backup that there is. Raises ServiceError."""
    given = _given(options)
    return _typed(output, "Passphrase of the backup: ") if given is None else given


def _given(options: Options) -> str | None:
    if options["passphrase_file"] is None:
        return settings.FACADE_BACKUP_PASSPHRASE or None
    path = Path(options["passphrase_file"])
    try:
        # An editor, or echo, ends the line.
        text = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"the passphrase can't be read from {path}: {_reason(error)}") from None
    if not text:
        raise ServiceError(f"there is no passphrase in {path}")
    return text


def _typed(output: Output, question: str) -> str:
    if not output.has_person:
        raise ServiceError(f"the backup takes a passphrase, and nobody is there to type it: {_WAYS}")
    try:
        return getpass.getpass(question)
    except (EOFError, KeyboardInterrupt):
        raise ServiceError("no passphrase was typed: nothing was done") from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not UTF-8"

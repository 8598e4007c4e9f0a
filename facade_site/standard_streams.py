"""Standard input, output and error of a process that was started without them, or has no room there."""

import atexit
import os
import sys
from contextlib import suppress
from typing import TextIO


def open_closed() -> None:
    """Let those that are closed, as after `>&-`, lead to /dev/null.

    Each program calls this first: otherwise the next file that it opens, a database's perhaps, gets the number of one
    of them, and what is meant for the output is written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # It gets the lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
    atexit.register(_let_go_of_errors)


def _let_go_of_errors() -> None:
    # What standard error has no room for is lost. The interpreter would try once more, and end with a status of its
    # own, 120, in place of the program's.
    with suppress(ValueError):
        try:
            sys.stderr.flush()
        except OSError:
            lead_nowhere(sys.stderr)


def lead_nowhere(stream: TextIO) -> None:
    """What is still in its buffer goes nowhere when the interpreter flushes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str) -> None:
    """One line on standard error, on which nothing depends: where there is no room for it nobody is told."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def refuse_what_is_no_text(argv: list[str]) -> None:
    """End with a line, and the status of wrong usage, where an argument isn't UTF-8: no database takes it."""
    for place, word in enumerate(argv):
        try:
            word.encode()
        except UnicodeEncodeError:
            say(f"{os.path.basename(argv[0])}: argument {place} is not UTF-8: {os.fsencode(word)!r}")
            sys.exit(2)

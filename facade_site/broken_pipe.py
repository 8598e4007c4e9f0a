"""What a command does whose output nobody reads any more, as in `manage.py list_mappings | head`."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

#: What a shell says of a program that SIGPIPE ended.
STATUS = 128 + signal.SIGPIPE


@contextmanager
def ending_quietly() -> Iterator[None]:
    """End the process with STATUS, and no traceback, where the reader of its output has gone.

    SIGPIPE itself stays ignored, as Python has it: it would also end a process whose database hangs up.
    """
    try:
        try:
            yield
        finally:
            # Here rather than at the interpreter's end, where nobody could catch what it raises.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # One of a connection goes on, as any error.
        _end_if_unread()
        raise


def _end_if_unread() -> None:
    unread = [stream for stream in (sys.stdout, sys.stderr) if stream is not None and _has_no_reader(stream)]
    if not unread:
        return
    # What is still in their buffers goes nowhere when the interpreter flushes them.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in unread:
        os.dup2(nowhere, stream.fileno())
    sys.exit(STATUS)


def _has_no_reader(stream: TextIO) -> bool:
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):
        # Closed, or no file.
        return False
    return any(events & select.POLLERR for _, events in poll.poll(0))

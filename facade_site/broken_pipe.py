"""What a command does whose output nobody reads any more, as in `manage.py list_mappings | head`, or has no room."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from facade_site.standard_streams import lead_nowhere

#: What a shell says of a program that SIGPIPE ended.
STATUS = 128 + signal.SIGPIPE


@contextmanager
def ending_quietly() -> Iterator[None]:
    """End the process with STATUS, and no traceback, where the reader of its output has gone.

    Where the output can't be written for another reason, such as a full disk, one line tells it and the status is 1.
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
    except OSError as error:
        # That of another file goes on, as any error.
        if _has_no_room(sys.stdout) or _has_no_room(sys.stderr):
            lead_nowhere(sys.stdout)
            sys.exit(f"the output can't be written ({error.strerror}); what was done before it stays done")
        raise


def _end_if_unread() -> None:
    unread = [stream for stream in (sys.stdout, sys.stderr) if stream is not None and _has_no_reader(stream)]
    if unread:
        for stream in unread:
            lead_nowhere(stream)
        sys.exit(STATUS)


def _has_no_reader(stream: TextIO) -> bool:
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):
        # Closed, or no file.
        return False
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _has_no_room(stream: TextIO) -> bool:
    try:
        # What a failed write left in the buffer. Where there is no buffer (PYTHONUNBUFFERED), a line's end.
        stream.flush()
        os.write(stream.fileno(), b"\n")
    except ValueError:
        # Closed, or no file.
        return False
    except OSError:
        return True
    return False

"""Loading a whole table while redirects go on: one worker after the other."""

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

# So long a worker waits for the others of its machine. Then it loads beside them: its table is old.
_TURN_SECONDS = 30.0
_LOOK_SECONDS = 0.1


@contextlib.contextmanager
def in_turn(lock: Path) -> Iterator[None]:
    """Wait until no other process of this machine is within, for some time. Where no file can be made: at once."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a")
    except OSError as error:
        logger.warning("the table is loaded beside other workers, without waiting for them: %s", error)
        yield
        return
    # A process that is killed lets go of it.
    with file:
        until = time.monotonic() + _TURN_SECONDS
        while not _is_held(file.fileno()) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        yield


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

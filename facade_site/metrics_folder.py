"""The folder in which a server's workers tell each other their metrics: in memory, and new for each server."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

# Another one than in earlier releases, whose servers hold no lock: theirs would be taken for left ones.
PREFIX = "registry-facade-values-"


def make_folder(parent: Path) -> Path:
    """Make one, and remove those of servers that were killed.

    One that can't be made, such as where there is no room, is made by the workers once there is.
    """
    _sweep(parent)
    folder = parent / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700)
        # Held by this process and its workers for as long as one of them lives. The descriptor is never closed.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    except OSError:
        pass
    return folder


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(descriptor)

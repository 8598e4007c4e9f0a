"""Small facts in files that several processes read and write: each is whole, or it is not there.

A note is written beside its name and renamed. Its first line is a checksum of the rest: what a crash, a disk or a hand
has changed counts as not there. Whoever reads one again asks the file system only whether it is the same file still.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from itertools import count
from typing import Any

# Longer ones are not written. Each in memory costs some three times of it.
MAX_NOTE_BYTES = 4096
_KNOWN = 4096
#: Stands in the name of a file that is being written, and in no tag or digest.
UNFINISHED = "~"
_CHECKSUM_BYTES = 16
_TRIES = 3
_numbers = count()

Facts = Mapping[str, Any]
#: In place of what a note says. No note says nothing.
UNREADABLE: Facts = {}


class Notes:
    """Reads and writes notes, and keeps in memory what it has read. Safe for threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int], Facts]] = {}

    def read(self, path: str) -> Facts | None:
        """The note; None where there is none that can be read."""
        return self.look(path) or None

    def look(self, path: str) -> Facts | None:
        """The note; None where there is none, and UNREADABLE where there is one that can't be read."""
        try:
            found = os.stat(path)
        except OSError:
            self._known.pop(path, None)
            return None
        same = (found.st_mtime_ns, found.st_ino, found.st_size)
        known = self._known.get(path)
        if known is not None and known[0] == same:
            return known[1]
        facts = _read(path)
        if facts is not None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[path] = same, facts
        return UNREADABLE if facts is None else facts

    def write(self, path: str, facts: Facts) -> int:
        """Write the note, and say how many bytes it has. Raises OSError, and ValueError where it would be too long."""
        body = json.dumps(facts, separators=(",", ":")).encode()
        text = b"%b\n%b" % (_checksum(body), body)
        if len(text) > MAX_NOTE_BYTES:
            raise ValueError("too long for a note")
        write_whole(path, text)
        return len(text)


def write_whole(path: str, content: bytes) -> None:
    """Write a file, and its folder where it is missing: at any moment it is the former one or this. Raises OSError."""
    fresh = f"{path}{UNFINISHED}{os.getpid()}-{next(_numbers)}"
    descriptor = _created_in_its_folder(fresh)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _created_in_its_folder(path: str) -> int:
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            return _created(path)
        # Empty folders are pruned: this one may go again before there is a file in it.
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return _created(path)


def _created(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _read(path: str) -> Facts | None:
    try:
        with open(path, "rb") as file:
            checksum, _, body = file.read(MAX_NOTE_BYTES).partition(b"\n")
        facts = json.loads(body) if checksum == _checksum(body) else None
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES).hexdigest().encode()

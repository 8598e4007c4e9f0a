"""What badges say, as the process of `manage.py maintain` leaves it for the workers of its machine: a file, as the
snapshot is. Which of it anybody is told is decided by the table, for each request.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from routing.table.whole_file import replace_file

# How often one worker asks the file system whether there is another file by now.
_LOOK_SECONDS = 5.0


class Numbers(NamedTuple):
    """Of a repository: pulls in all that is kept, pulls in the last 30 days, and its newest tag, "" for none known."""

    pulls: int = 0
    pulls_30_days: int = 0
    version: str = ""


class HostBadges(NamedTuple):
    """Of a hostname. `passed`: its last self-test; None where there was none."""

    passed: bool | None = None
    repositories: Mapping[str, Numbers] = {}


def badges_path() -> Path:
    """The file."""
    return Path(settings.STATE_DIR) / "badges.json"


def write_badges(badges: Mapping[str, HostBadges]) -> None:
    """Replace the file. Raises OSError."""
    replace_file(badges_path(), json.dumps(badges, separators=(",", ":")))


class BadgesFile:
    """The file as one process knows it. A worker looks at most every few seconds, and reads it when it is another."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._badges: Mapping[str, HostBadges] = {}

    def of(self, hostname: str) -> HostBadges | None:
        """What is known of a hostname; None where nothing is. Never raises."""
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._look()
        return self._badges.get(hostname)

    def forget(self) -> None:
        """Look at once the next time. For tests."""
        self.__init__()  # type: ignore[misc]

    def _look(self) -> None:
        try:
            found = os.stat(badges_path())
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._badges = _parse(badges_path().read_text())
                self._stamp = stamp
        except (OSError, ValueError, TypeError, AttributeError, LookupError):
            # What was known stands: a badge may be some time behind.
            return


def _parse(text: str) -> dict[str, HostBadges]:
    told: dict[str, HostBadges] = {}
    for hostname, (passed, repositories) in json.loads(text).items():
        numbers = {str(name): _numbers(*facts) for name, facts in repositories.items()}
        told[str(hostname)] = HostBadges(None if passed is None else bool(passed), numbers)
    return told


def _numbers(pulls: object, lately: object, version: object) -> Numbers:
    return Numbers(int(str(pulls)), int(str(lately)), str(version))


badges_file = BadgesFile()

"""What the process of `manage.py maintain` leaves for the workers of its machine: when its work was last done, and some
numbers that it found.

A file, as the snapshot is: the workers tell it to `/readyz` and `/metrics`, which ask no database.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from routing.table.whole_file import replace_file

#: So many of its times may a task be late before anybody is told, and so long at least.
_PATIENCE = 3
_PATIENCE_SECONDS = 60.0


class LastRound(NamedTuple):
    """A task's last round, in seconds since the epoch by this machine's clock, and how often it is done."""

    at: float
    every_seconds: float

    @property
    def is_late(self) -> bool:
        """Whether there should have been another by now."""
        return time.time() - self.at > max(_PATIENCE * self.every_seconds, self.every_seconds + _PATIENCE_SECONDS)


def maintenance_path() -> Path:
    """The file."""
    return Path(settings.STATE_DIR) / "maintenance.json"


class Told(NamedTuple):
    """What the file says. `waits`: nothing is done until a restore is confirmed. `numbers` by their names."""

    rounds: Mapping[str, LastRound] = {}
    waits: bool = False
    numbers: Mapping[str, int] = {}


def write_rounds(
    rounds: Mapping[str, LastRound], *, waits: bool = False, numbers: Mapping[str, int] | None = None
) -> None:
    """Replace the file. Raises OSError."""
    replace_file(maintenance_path(), json.dumps({"rounds": rounds, "waits": waits, "numbers": numbers or {}}))


def read_rounds() -> Mapping[str, LastRound]:
    """By task; empty where nothing is known. Never raises."""
    return read_told().rounds


def read_told() -> Told:
    """All of it; empty where nothing is known. Never raises."""
    try:
        told = json.loads(maintenance_path().read_text())
        rounds = {str(task): LastRound(float(at), float(every)) for task, (at, every) in told["rounds"].items()}
        # The release before wrote none.
        numbers = {str(name): int(number) for name, number in told.get("numbers", {}).items()}
        return Told(rounds, bool(told["waits"]), numbers)
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return Told()


def maintenance_word() -> str:
    """`ok`, `unknown`, which tasks are late, or that all of them wait for a restore to be confirmed."""
    rounds, waits, _ = read_told()
    if waits:
        return "waits: a restore is not confirmed"
    late = sorted(task for task, last in rounds.items() if last.is_late)
    return f"late: {', '.join(late)}" if late else "ok" if rounds else "unknown"

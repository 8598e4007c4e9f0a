"""Compares the tables that a process answers from with what the rows amount to, and reports how that went.

The report is a small file in the state folder, for other processes of the machine: `manage.py check_table` asks how
tables compare, and one process tells all servers which generation each of them serves.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from routing.core.table.routing_table import State, Table
from routing.table.whole_file import replace_file

if TYPE_CHECKING:
    # A worker reads this module before Django is set up, when there are no models yet.
    from routing.table.row_check import RowCheck

# So many states back a check may be of: the rows are read in seconds, while changes go on.
_KEPT_STATES = 20_000
# A report is written anew at each check of the rows. What is so old is left from a container that is gone.
_FOREIGN_SECONDS = 86_400.0


#: What a process has a table for, as its reports and metrics call it.
WORKER, CONTROL_WORKER, SNAPSHOT_WRITER = "worker", "control worker", "snapshot writer"


class Outcome(StrEnum):
    """How a table compares with a check of the rows. `UNKNOWN`: the table was never of that state, or long ago."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Report(NamedTuple):
    """What one process says of its table.

    `begun` is when the process did, in the kernel's ticks; `check` when the rows were read that it has compared, ""
    where it has not yet. `generation` is the one that it answers from; `held`: on purpose, whatever is newer.
    """

    pid: int
    begun: int
    role: str
    generation: int
    check: str
    outcome: Outcome
    held: bool = False


class Comparison:
    """Remembers the digest of each state that this process was in."""

    def __init__(self) -> None:
        self.trail: dict[State, int] = {}
        self.compared_at: datetime | None = None

    def start_from(self, table: Table) -> None:
        """A table that was loaded whole: whatever was before is of no interest."""
        self.trail = {table.state: table.digest}

    def trim(self) -> None:
        """Forget the oldest states."""
        while len(self.trail) > _KEPT_STATES:
            del self.trail[next(iter(self.trail))]

    def compare(self, check: "RowCheck", table: Table) -> Outcome | None:
        """How they compare; None where that was said before, or can't be said before the table is of that state."""
        if check.at == self.compared_at or check.state.generation > table.generation:
            return None
        self.compared_at = check.at
        digest = self.trail.get(check.state)
        if digest is None:
            return Outcome.UNKNOWN
        return Outcome.SAME if digest == check.digest else Outcome.DIFFERS


def write_report(folder: Path, report: Report) -> None:
    """Write it where `reports` finds it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _name(report.pid), json.dumps(report._asdict()))


def withdraw_report(folder: Path) -> None:
    """This process answers from its table no more, and will not report again."""
    with contextlib.suppress(OSError):
        (folder / _name(os.getpid())).unlink()


def _name(pid: int) -> str:
    # Containers that share a folder have numbers of their own.
    return f"{os.uname().nodename}.{pid}.json"


def reports(folder: Path) -> Iterator[Report]:
    """The reports of the processes of this machine that are there; those of others are removed.

    Of another machine that shares the folder, such as a container, nobody here knows which are there: those are let be
    until they are old.
    """
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            if not path.name.startswith(f"{os.uname().nodename}."):
                if time.time() - path.stat().st_mtime > _FOREIGN_SECONDS:
                    path.unlink()
                continue
            report = Report(**json.loads(path.read_text()))
            if _is_there(report):
                yield report._replace(outcome=Outcome(report.outcome))
            else:
                path.unlink()


def begun_at(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 where that isn't told. proc_pid_stat(5).

    A number alone is another process' soon: in a container started anew, the first ones are those of before.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # Its second field is the program's name, which may have blanks and brackets.
    return int(stat.rpartition(")")[2].split()[19])


def _is_there(report: Report) -> bool:
    try:
        os.kill(report.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return begun_at(report.pid) == report.begun

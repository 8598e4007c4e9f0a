"""Tells all servers which generation the processes of this machine answer from.

One process of each machine does, by the reports that all of them leave: so a change takes one write a server.
"""

import os
import time
from typing import Any

from routing.conf import reports_folder
from routing.dataplane.live.comparison import CONTROL_WORKER, SNAPSHOT_WRITER, Report, reports


class ServedTeller:
    """Tells it where it is another than was told last, and now and then."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []
        self._tell_at = 0.0

    def tell_if_first(self) -> bool:
        """Where this process is the one to tell; True where something was told. Raises django.db.Error."""
        from routing.table.served import TELL_SECONDS, tell_served

        found = answering()
        if not found or found[0].pid != os.getpid():
            return False
        served = [
            {"role": each.role, "pid": each.pid, "generation": each.generation, "held": each.held} for each in found
        ]
        if served == self._told and time.monotonic() < self._tell_at:
            return False
        tell_served(os.uname().nodename, served)
        self._told, self._tell_at = served, time.monotonic() + TELL_SECONDS
        return True


def answering() -> list[Report]:
    """The reports of this machine's processes that answer requests; the first is of the one that tells of all."""
    found = [each for each in reports(reports_folder()) if each.role != SNAPSHOT_WRITER]
    # Workers have more urgent things to do.
    return sorted(found, key=lambda each: (each.role != CONTROL_WORKER, each.pid))

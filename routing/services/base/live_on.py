"""On how many processes, of all servers, a generation is live, and waiting until it is on all of them."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from routing.database.clock import database_now
from routing.database.connections import give_back_connection
from routing.models import Generation, Server

# A server that was silent for longer is not live, for nobody knows what it serves; and then it is forgotten.
_SILENT, _FORGOTTEN = timedelta(seconds=3 * Server.TELL_SECONDS), timedelta(minutes=3)
_LOOK_SECONDS = 0.3


class LiveOn(NamedTuple):
    """Of how many processes of all servers so many serve this generation, or a newer one. `behind`: which don't."""

    generation: int
    live: int
    processes: int
    behind: Sequence[str]

    @property
    def is_live(self) -> bool:
        """Whether all do, and there are any."""
        return self.live == self.processes > 0


def live_on(generation: int | None = None) -> LiveOn:
    """How far a generation has come; None: the newest that there is. Raises django.db.Error."""
    if generation is None:
        generation = Generation.objects.filter(pk=1).values_list("value", flat=True).first() or 0
    now, processes, behind = database_now(), 0, []
    for server in Server.objects.filter(at__gt=now - _FORGOTTEN):
        processes += len(server.processes)
        if server.at < now - _SILENT:
            said = f"{server.name} has been silent for {int((now - server.at).total_seconds())} s"
            behind += [said] * len(server.processes)
            continue
        late = (each for each in server.processes if each["held"] or each["generation"] < generation)
        behind += [_said(server.name, each) for each in late]
    return LiveOn(generation, processes - len(behind), processes, behind)


def wait_until_live(seconds: float, generation: int | None = None) -> LiveOn:
    """The same, once it is live on all of them, or the time is over. Not within a transaction."""
    deadline = time.monotonic() + seconds
    found = live_on(generation)
    while not found.is_live and time.monotonic() < deadline:
        give_back_connection()
        time.sleep(_LOOK_SECONDS)
        found = live_on(found.generation)
    return found


def _said(server: str, process: dict[str, Any]) -> str:
    held = ", which is held" if process["held"] else ""
    return f"{process['role']} {process['pid']} of {server} serves generation {process['generation']}{held}"

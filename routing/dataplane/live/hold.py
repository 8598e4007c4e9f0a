"""Why a process serves an older table than the newest, on purpose: somebody froze it, or too much would change at once.

It goes on following the database all the while. What the newest table refuses is refused here too.
"""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from routing.core.table.holding import Place, affected_hosts, restrained
from routing.core.table.routing_table import Table
from routing.table.freeze import Freeze
from routing.table.whole_file import replace_file

logger = logging.getLogger(__name__)

#: So few hostnames may always change at once: small installations are not bothered.
LEAST_HOSTNAMES = 100

#: The places that changed, each with its generation; None: nobody knows which.
Changed = Sequence[tuple[Place, int]] | None


class Alarm(NamedTuple):
    """So many `affected` of `hostnames` would be gone, or lead elsewhere, with this generation. `at` is since 1970."""

    generation: int
    held: int
    affected: int
    hostnames: int
    at: float

    def __str__(self) -> str:
        return (
            f"generation {self.generation} would remove or change {self.affected:,} of {self.hostnames:,} hostnames: "
            f"generation {self.held} goes on being served"
        )


#: What to do about it, in words.
HOW_TO_GO_ON = "If that is meant, confirm it: facade confirm. If not, put it right first, or freeze: facade freeze"


class Hold:
    """The table that is held, and what of newer ones is applied to it. `freeze` is None where too much would change."""

    def __init__(self, base: Table, freeze: Freeze | None = None, *, is_another_history: bool = False) -> None:
        self.base, self.freeze, self.table = base, freeze, base
        self.is_another_history = is_another_history
        self.alarm: Alarm | None = None
        self.at = time.time()
        self._newest = base
        # What has changed since, each with the last generation that did so; None: nobody knows what.
        self._places: dict[Place, int] | None = {}
        self._judged: tuple[int, tuple[int, float] | None] | None = None

    def follow(self, newest: Table, changed: Changed) -> Table:
        """The table to serve, now that this one is the newest."""
        self.table = restrained(self.base, self.table, newest, None if changed is None else dict(changed))
        self._newest = newest
        if changed is None:
            self._places = None
        elif self._places is not None:
            self._places |= dict(changed)
        if self.freeze is None:
            self._sound()
        return self.table

    def _sound(self) -> None:
        affected = len(affected_hosts(self.base, self._newest, self._places))
        before, hostnames = self.alarm, len(self.base.hosts)
        self.alarm = Alarm(self._newest.generation, self.base.generation, affected, hostnames, self.at)
        if before is None or affected > before.affected:
            logger.error("%s. %s", self.alarm, HOW_TO_GO_ON)

    def is_over(self, confirmed: tuple[int, float] | None) -> bool:
        """Whether there is nothing to hold the table for any more, by what was confirmed last: generation, and when."""
        judged = (self._newest.generation, confirmed)
        if self.freeze is not None or self._judged == judged:
            return False
        self._judged = judged
        left = self._places
        if confirmed is not None and (not self.is_another_history or confirmed[1] > self.at):
            # A number alone says nothing of a database that was put back.
            is_of_now = confirmed[0] > self.base.generation or confirmed[1] > self.at
            if left is None and is_of_now and confirmed[0] >= self._newest.generation:
                return True
            left = None if left is None else {place: at for place, at in left.items() if at > confirmed[0]}
        return not is_too_much(len(affected_hosts(self.base, self._newest, left)), len(self.base.hosts))

    @property
    def word(self) -> str:
        """For `/readyz`."""
        return f"frozen at generation {self.base.generation}" if self.freeze else f"alarm: {self.alarm}"


def is_too_much(affected: int, hostnames: int) -> bool:
    """Whether so many hostnames may not change at once without a word."""
    share = settings.FACADE_MAX_CHANGE_SHARE
    return bool(share) and affected >= LEAST_HOSTNAMES and affected * 100 > share * hostnames


def would_be_too_much(old: Table, new: Table, changed: Changed) -> bool:
    """Whether the way from one table to another is. Cheap where only few places changed."""
    if not settings.FACADE_MAX_CHANGE_SHARE or len(old.hosts) < LEAST_HOSTNAMES:
        return False
    places = None if changed is None else [place for place, _ in changed]
    if places is not None and len(places) < LEAST_HOSTNAMES and not any(kind == "registry" for kind, _ in places):
        return False
    return is_too_much(len(affected_hosts(old, new, places)), len(old.hosts))


def write_alarm(path: Path, alarm: Alarm | None) -> None:
    """Leave it for processes that start meanwhile, and for the doctor; None takes it away. Never raises."""
    try:
        if alarm is None:
            path.unlink(missing_ok=True)
            return
        known = read_alarm(path)
        if known is None or known._replace(at=alarm.at) != alarm:
            # Each worker of the machine says the same, at nearly the same time.
            replace_file(path, json.dumps(alarm._asdict()))
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning("the alarm can't be written: %s", error)


def read_alarm(path: Path) -> Alarm | None:
    """What was left. Never raises."""
    try:
        told = json.loads(path.read_text())
        generation, held, affected, hostnames = (int(told[name]) for name in Alarm._fields[:-1])
        return Alarm(generation, held, affected, hostnames, float(told["at"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None

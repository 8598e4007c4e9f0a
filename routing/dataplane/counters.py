"""How many requests this process answered, by kind of decision, and the bytes that passed. Imports nothing of ours.

A request costs one addition, in either lane. Whoever exports the numbers takes what has come since the last time, and
does the expensive part (labels, files that workers share) then.
"""

import threading
from collections import defaultdict


class Counters:
    """Counts by kind: the name of the decision's class, in lower case; `relayed_bytes` and `streamed_bytes` of bodies
    that came from backing registries.

    Additions take no lock. Under a server with threads one may be lost now and then.
    """

    def __init__(self) -> None:
        self.totals: defaultdict[str, int] = defaultdict(int)
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, kind: str) -> None:
        """One more request of this kind."""
        self.totals[kind] += 1

    def add(self, kind: str, number: int) -> None:
        """So many more of this kind."""
        self.totals[kind] += number

    def take(self) -> dict[str, int]:
        """What has been counted since the last call, by kind, without those that haven't."""
        with self._lock:
            totals = dict(self.totals)
            fresh = {kind: total - self._taken.get(kind, 0) for kind, total in totals.items()}
            self._taken = totals
        return {kind: number for kind, number in fresh.items() if number}


counters = Counters()

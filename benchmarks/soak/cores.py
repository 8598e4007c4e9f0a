"""Who used the machine's cores while the soak went on, and who was ready and waited for one.

Both sides share the cores, so a late answer may be the server's own work or a core that somebody else had. The kernel
counts the second (`/proc/PID/schedstat`, proc_pid_schedstat in its documentation of the scheduler).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from benchmarks import processes

EVERYTHING_ELSE = "everything else on the machine"


class Share(NamedTuple):
    """What one kind of process did: `cores` that it used, and of its main threads, where their event loops are, what
    part of the time they were ready and had no core (`waited`), and how many seconds each time (`each`).

    None: it isn't known of what is no process of the soak.
    """

    who: str
    cores: float
    waited: float | None
    each: float | None


class Cores:
    """Counts from its making until `shares`. `who`: the processes of each kind, at a moment.

    A process counts as long as it is there both times.
    """

    def __init__(self, who: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._who = who
        self._begun = time.monotonic()
        self._busy = processes.busy_seconds()
        self._before = {
            pid: (processes.cpu_seconds(pid), processes.scheduling(pid)) for pids in who().values() for pid in pids
        }

    def shares(self) -> list[Share]:
        """Of each kind, and of everything else."""
        lasted = max(time.monotonic() - self._begun, 1e-9)
        found = [
            self._share(kind, [pid for pid in pids if pid in self._before], lasted)
            for kind, pids in self._who().items()
        ]
        rest = (processes.busy_seconds() - self._busy) / lasted - sum(share.cores for share in found)
        return [*found, Share(EVERYTHING_ELSE, max(rest, 0.0), None, None)]

    def _share(self, kind: str, pids: Sequence[int], lasted: float) -> Share:
        used = waited = 0.0
        times = 0
        for pid in pids:
            cpu, before = self._before[pid]
            now = processes.scheduling(pid)
            used += max(processes.cpu_seconds(pid) - cpu, 0.0)
            waited += max(now.waited_seconds - before.waited_seconds, 0.0)
            times += max(now.times - before.times, 0)
        return Share(kind, used / lasted, waited / lasted / max(len(pids), 1), waited / max(times, 1))


def table_of(shares: Sequence[Share]) -> list[str]:
    """In Markdown."""
    lines = ["| process | cores | ready without a core | each time |", "|---|---|---|---|"]
    for who, cores, waited, each in shares:
        told = "– | –" if waited is None or each is None else f"{waited:.1%} of the time | {each * 1000:.2f} ms"
        lines.append(f"| {who} | {cores:.2f} | {told} |")
    return lines

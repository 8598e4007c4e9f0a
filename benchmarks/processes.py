"""What Linux says of processes: who belongs to whom, what they hold, and which of them serves a connection."""

import os
from pathlib import Path
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# The first numbers of /proc/stat that are work: user, nice, system, then (after idle and iowait) irq and softirq.
_BUSY_PLACES = (0, 1, 2, 5, 6)


class Scheduling(NamedTuple):
    """Of a process' main thread: how long it was ready and waited for a core, and how often it was given one."""

    waited_seconds: float
    times: int


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for pid in _all():
        try:
            if os.getpgid(pid) == leader:
                found.append(pid)
        except ProcessLookupError:
            continue
    return found


def children(parent: int) -> list[int]:
    """A process's own children."""
    return [pid for pid in _all() if _parent(pid) == parent]


def command_line(pid: int) -> str:
    """A process's command line; empty where it is gone."""
    return _read(f"/proc/{pid}/cmdline").replace("\0", " ")


def name(pid: int) -> str:
    """What a process calls itself, as `ps -o comm` shows it; empty where it is gone."""
    return _read(f"/proc/{pid}/comm").strip()


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used, in user and kernel mode; 0 where it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND if fields else 0.0


def busy_seconds() -> float:
    """The CPU time that all processes of the machine have used."""
    first, _, _ = _read("/proc/stat").partition("\n")
    numbers = first.split()[1:]
    return sum(int(numbers[place]) for place in _BUSY_PLACES) / _TICKS_A_SECOND if numbers else 0.0


def scheduling(pid: int) -> Scheduling:
    """What the scheduler counted of a process; nothing where it is gone, or the kernel doesn't count."""
    fields = _read(f"/proc/{pid}/schedstat").split()
    return Scheduling(int(fields[1]) / 1e9, int(fields[2])) if len(fields) == 3 else Scheduling(0.0, 0)


def resident_bytes(pid: int) -> int:
    """The memory that a process has in use, shared or not; 0 where it is gone."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def proportional_bytes(pid: int) -> int:
    """The same, with memory that it shares divided by the number of those who share it; 0 where it is gone."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def server_of(server_port: int, client_port: int, candidates: list[int]) -> int | None:
    """Which of the processes holds the server's end of a loopback connection; None: none has accepted it yet."""
    ends = (f"{server_port:04X}", f"{client_port:04X}")
    for line in _read("/proc/net/tcp").splitlines()[1:]:
        fields = line.split()
        if (fields[1].partition(":")[2], fields[2].partition(":")[2]) == ends:
            socket = f"socket:[{fields[9]}]"
            return next((pid for pid in candidates if socket in _open_files(pid)), None)
    return None


def _open_files(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(entry))
        except OSError:
            continue
    return found


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _stat(pid: int) -> list[str]:
    """What stands behind the process's name, which is in parentheses and may hold anything; empty where it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""

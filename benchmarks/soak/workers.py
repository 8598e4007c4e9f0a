"""What the workers hold while the soak goes on, by /proc."""

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.soak.stage import Stage

# Seldom: while a process's memory is measured (smaps_rollup), it waits for some of it.
_EVERY_SECONDS = 5.0


@dataclass
class Held:
    """One worker's samples: of memory (PSS) in bytes, threads, and file descriptors."""

    memory: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def growth(self) -> float:
        """By what part memory grew in the second half: its last quarter against the one before, each by its median."""
        quarter = len(self.memory) // 4
        if not quarter:
            return 0.0
        third, last = self.memory[2 * quarter : 3 * quarter], self.memory[3 * quarter :]
        return statistics.median(last) / statistics.median(third) - 1


class Watch:
    """Samples each worker every few seconds.

    `replaced`: how many of the first ones had ended when it stopped. `cpu`: how much of a core the busiest one used.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.first = sorted(stage.worker_pids())
        self.held: dict[int, Held] = {}
        self.replaced = 0
        self.cpu = 0.0
        self._stop = threading.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Sample meanwhile."""
        thread = threading.Thread(target=self._run, daemon=True)
        begun, used = time.monotonic(), {pid: processes.cpu_seconds(pid) for pid in self.first}
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            lasted = time.monotonic() - begun
            self.cpu = max((processes.cpu_seconds(pid) - before) / lasted for pid, before in used.items())
            self.replaced = len(set(self.first) - set(processes.children(self._stage.process.pid)))

    def beside(self) -> list[int]:
        """The server's other processes: what answers pages, and the regular work."""
        return sorted(set(processes.children(self._stage.process.pid)) - set(self.first))

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            for pid in processes.children(self._stage.process.pid):
                if "manage.py" not in processes.command_line(pid):
                    self._sample(pid)

    def _sample(self, pid: int) -> None:
        try:
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        except OSError:
            return
        held = self.held.setdefault(pid, Held())
        held.memory.append(processes.proportional_bytes(pid))
        held.threads.append(threads)
        held.files.append(files)


def settle(seconds: float) -> None:
    """Wait, so that what the start left to do is done."""
    time.sleep(seconds)

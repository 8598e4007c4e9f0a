"""Who used the machine's cores, and who waited for one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import processes
from benchmarks.soak.cores import EVERYTHING_ELSE, Cores, Share, table_of
from tests.e2e.lab.process import wait_until

BUSY = "while True: pass"


@pytest.fixture
def busy() -> Iterator[list[int]]:
    """Two processes that want the one core that they may use."""
    core = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core, sys.executable, "-c", BUSY]
    running = [subprocess.Popen(command) for _ in range(2)]
    try:
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


def test_two_that_want_one_core_wait_for_it(busy: list[int]) -> None:
    cores = Cores(lambda: {"busy": busy, "idle": [os.getpid()]})
    before = {pid: processes.scheduling(pid) for pid in busy}
    wait_until(lambda: sum(processes.cpu_seconds(pid) for pid in busy) > 0.5, "they have run", 60)

    found = {share.who: share for share in cores.shares()}

    assert 0 < found["busy"].cores < 1.2
    assert all(processes.scheduling(pid).waited_seconds > before[pid].waited_seconds for pid in busy)
    waited, each = found["busy"].waited, found["busy"].each
    assert waited is not None
    assert each is not None
    # Each of them has at most half of it, whatever else the machine does.
    assert waited > 0.2
    assert each > 0
    assert found[EVERYTHING_ELSE].waited is None


def test_a_process_that_is_gone_counts_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", BUSY])
    cores = Cores(lambda: {"gone": [gone.pid]})
    gone.kill()
    gone.wait()

    assert cores.shares()[0] == Share("gone", 0.0, 0.0, 0.0)


def test_who_came_meanwhile_does_not_count() -> None:
    pids: list[int] = []
    cores = Cores(lambda: {"late": pids})
    pids.append(os.getpid())

    assert cores.shares()[0] == Share("late", 0.0, 0.0, 0.0)


def test_the_table_has_a_row_for_each() -> None:
    lines = table_of([Share("workers", 0.25, 0.5, 0.00125), Share(EVERYTHING_ELSE, 1.0, None, None)])

    assert lines[2:] == [
        "| workers | 0.25 | 50.0% of the time | 1.25 ms |",
        f"| {EVERYTHING_ELSE} | 1.00 | \N{EN DASH} | \N{EN DASH} |",
    ]

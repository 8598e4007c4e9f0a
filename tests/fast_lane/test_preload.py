"""Workers are forked from a process that has loaded the table: each follows the database by itself from then on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until

pytestmark = pytest.mark.e2e

PATH = "/v2/acme/app/manifests/1.0"
HOST = "docker.acme.test"


@pytest.fixture
def facade() -> Iterator[Facade]:
    """Two workers and a mapping that was made after they started."""
    with Facade(workers=2) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST, location="https://ghcr.io" + PATH)
        yield started


def kill_a_worker(facade: Facade) -> int:
    """Kill one worker, and wait for the one that takes its place; its process id."""
    before = facade.worker_pids()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(facade.worker_pids()) - set(before)) == 1, "another worker has been started")
    return (set(facade.worker_pids()) - set(before)).pop()


def test_a_worker_forked_later_starts_with_the_newest_table_and_follows(facade: Facade) -> None:
    for target in ("quay.io", "registry.gitlab.com"):
        facade.manage("repoint", HOST, "acme", f"{target}/acme", "--reason", "test")
        facade.wait_for(PATH, 307, host=HOST, location=f"https://{target}{PATH}")
        kill_a_worker(facade)
        for _ in range(40):
            answer = facade.request("GET", PATH, host=HOST)
            assert (answer.status, answer.headers["location"]) == (307, f"https://{target}{PATH}")
    facade.manage("repoint", HOST, "acme", "ghcr.io/acme", "--reason", "test")
    facade.wait_for(PATH, 307, host=HOST, location="https://ghcr.io" + PATH)


def test_the_log_of_a_start_says_nothing_of_what_is_not_there(facade: Facade) -> None:
    assert "Listening at" in facade.log()
    assert "lifespan" not in facade.log()


def test_no_worker_shares_a_connection_with_the_first_process(facade: Facade) -> None:
    pids = [facade.pid, *facade.worker_pids()]
    held = {pid: sockets_and_databases(pid) for pid in pids}
    # The listening socket and the way to the control workers are shared; a connection to the database must not be.
    shared = set.intersection(*held.values())
    assert len([name for name in shared if name.startswith("socket:")]) <= 2
    for pid in facade.worker_pids():
        assert not {name for name in held[pid] & held[facade.pid] if "sqlite3" in name}


def sockets_and_databases(pid: int) -> set[str]:
    """What of a process' open files can be a connection to a database, or the socket that it listens on."""
    names = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        # Others are opened and closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            names.add(os.readlink(entry))
    return {name for name in names if name.startswith("socket:") or "sqlite3" in name}

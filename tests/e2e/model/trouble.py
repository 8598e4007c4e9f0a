"""What goes wrong while writers write: kills, stops, cut cables, and databases that go back in time."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e import sqlite_file
from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.model.watch import Watch
from tests.e2e.namespaces import Cable
from tests.e2e.postgresql import FarPostgresql

#: Well below what TCP takes to give a silent peer up, with room for a busy machine.
STALE_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Scene:
    """What there is to be spoilt. Of the last two, SQLite has none."""

    facade: Facade
    watch: Watch
    chance: random.Random
    cable: Cable | None = None
    server: FarPostgresql | None = None


Trouble = Callable[[Scene], None]


def nothing(scene: Scene) -> None:
    """All is well."""


def a_worker_is_killed(scene: Scene) -> None:
    """With whatever it was about to answer."""
    time.sleep(scene.chance.uniform(0, 1))
    os.kill(scene.chance.choice(scene.facade.worker_pids()), signal.SIGKILL)


def a_worker_is_stopped(scene: Scene) -> None:
    """As by a debugger, or a machine that was frozen for a snapshot of it: it goes on as if no time had gone by."""
    with one_worker_stopped(scene):
        time.sleep(scene.chance.uniform(1, 4))


@contextmanager
def one_worker_stopped(scene: Scene) -> Iterator[None]:
    """It sees nothing of what happens meanwhile."""
    pid = scene.chance.choice(scene.facade.worker_pids())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # gunicorn kills one that hangs for too long.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def maintain_is_killed(scene: Scene) -> None:
    """The writer of the snapshot and the checker of the rows with it."""
    # Not the children of its main thread alone: another one begins it again.
    for children in Path(f"/proc/{scene.facade.pid}/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            if b"\0maintain\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def packets_are_dropped(scene: Scene) -> None:
    """Between the server and PostgreSQL, until every worker says so, and longer."""
    assert scene.cable is not None
    with scene.cable.cut():
        wait_until(partial(_all_say_stale, scene), "every worker says that it is stale", STALE_WITHIN_SECONDS)
        time.sleep(scene.chance.uniform(0, 3))


def packets_are_dropped_and_a_worker_is_killed(scene: Scene) -> None:
    """So that a worker begins while the database can't be reached."""
    assert scene.cable is not None
    with scene.cable.cut():
        a_worker_is_killed(scene)
        wait_until(partial(_all_say_stale, scene), "every worker says that it is stale", STALE_WITHIN_SECONDS)


def _all_say_stale(scene: Scene) -> bool:
    pids = scene.facade.worker_pids()
    last = [scene.watch.last_of(pid) for pid in pids]
    return len(pids) == scene.facade.workers and all(
        said is not None and said.readiness["status"] == "stale" for said in last
    )


class PutBack:
    """A backup that is put back later: what was written since is lost."""

    def __init__(self, scene: Scene, how: str) -> None:
        self._scene, self._how = scene, how
        if scene.server is not None:
            scene.server.back_up()
        else:
            self._kept = sqlite_file.back_up(scene.facade)

    def __call__(self) -> None:
        """Do so."""
        if self._scene.server is not None:
            self._scene.server.stop()
            self._scene.server.put_back()
        else:
            _SQLITE_WAYS[self._how](self._kept, sqlite_file.file_of(self._scene.facade))


_SQLITE_WAYS: Mapping[str, Callable[[Path, Path], None]] = {
    "restored": sqlite_file.by_restore,
    "replaced": sqlite_file.by_mv,
    "deleted and copied": sqlite_file.by_rm_and_cp,
}
#: By database: the ways in which it goes back in time.
WAYS_BACK = {"sqlite": tuple(_SQLITE_WAYS), "postgresql": ("a base backup",)}
_EVERYWHERE: tuple[Trouble, ...] = (nothing, a_worker_is_killed, a_worker_is_stopped, maintain_is_killed)
#: By database: what goes wrong while writers write.
TROUBLES: Mapping[str, tuple[Trouble, ...]] = {
    "sqlite": _EVERYWHERE,
    "postgresql": (*_EVERYWHERE, packets_are_dropped, packets_are_dropped_and_a_worker_is_killed),
}

"""Does the jobs of a queue. One thread has the database; the others wait for other machines, and have none."""

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from routing.database.connections import give_back_connection
from routing.jobs.kinds import Kind, TryLater, background_places
from routing.jobs.queue import claim, finish, lanes_with_work, retry_later
from routing.models import Job
from routing.request_id import request_id

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Runner:
    """Begins, and settles, in the thread that calls it. Jobs that are under way when that ends are done by another.

    While `waits` says so, none is begun.
    """

    def __init__(self, kinds: Iterable[Kind], waits: Callable[[], bool] = lambda: False) -> None:
        self._waits = waits
        self._kinds = {kind.name: kind for kind in kinds}
        self._pools = {kind.lane: _pool(kind.lane) for kind in self._kinds.values()}
        self._under_way = 0
        self._asked: queue.SimpleQueue[tuple[Job, Future[Any]]] = queue.SimpleQueue()

    def run(self, stop: threading.Event) -> None:
        """Do whatever comes, until told to stop. Raises django.db.DatabaseError and InterfaceError."""
        while not stop.is_set():
            self._begin_all()
            # Nobody else waits for it meanwhile, and SQLite's stays with a file that was replaced.
            give_back_connection()
            self._settle_next(_LOOK_SECONDS)

    def run_until_idle(self, seconds: float) -> bool:
        """Do what waits, for so long at most; False where something is left. Raises as `run`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._begin_all()
            if not self._under_way:
                return True
            self._settle_next(deadline - time.monotonic())
        return False

    def close(self) -> None:
        """Wait for nobody any more."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin_all(self) -> None:
        lanes = lanes_with_work() & self._pools.keys()
        if not lanes or self._waits():
            return
        for lane in lanes:
            while (job := claim(self._kinds, lane, background_places())) is not None:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        with request_id(job.request_id):
            begun: list[Callable[[], Any] | None] = []
            if not self._try(job, lambda: begun.append(kind.begin(job))):
                return
            if (ask := begun[0]) is None:
                finish(job)
                return
            # With the context of the call that wanted it: what is logged meanwhile is part of that.
            within = contextvars.copy_context()
        asking = self._pools[kind.lane].submit(within.run, ask)
        self._under_way += 1
        asking.add_done_callback(lambda done: self._asked.put((job, done)))

    def _settle_next(self, wait_seconds: float) -> None:
        """Write down what the next one found, and whatever else is there by then."""
        try:
            job, found = self._asked.get(timeout=max(0.0, wait_seconds))
            while True:
                self._under_way -= 1
                self._settle(job, found)
                job, found = self._asked.get_nowait()
        except queue.Empty:
            return

    def _settle(self, job: Job, found: "Future[Any]") -> None:
        kind = self._kinds[job.kind]
        with request_id(job.request_id):
            if self._try(job, lambda: kind.settle(job, found.result())):
                finish(job)

    def _try(self, job: Job, step: Callable[[], None]) -> bool:
        """Whether the step was done. Where it wasn't, the job is tried again later."""
        try:
            step()
            return True
        except TryLater as reason:
            logger.warning("%s", reason, extra={"job": job.kind, "key": job.key})
        except Exception:
            logger.exception("a job failed", extra={"job": job.kind, "key": job.key})
        retry_later(job, self._kinds[job.kind])
        return False


def _pool(lane: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(background_places().total, thread_name_prefix=f"job-{lane}")

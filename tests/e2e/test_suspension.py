"""Suspended in another process, a tenant or a hostname is refused by all workers within a second, and so served again.

Many connections that stay open ask without a pause, so that each worker's answers around the change are known.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import pytest

from tests.e2e.facade import ADDRESS, Facade, facade_on
from tests.e2e.lab.process import LabError, wait_until
from tests.e2e.puller import worker_of

WORKERS, CONNECTIONS, THREADS = 4, 40, 8
HOST, TARGET = "docker.acme.test", "/v2/acme/app/manifests/1.0"
WITHIN_SECONDS = 1.0
MESSAGE = "report 7: somebody else's trade mark"


class Response(NamedTuple):
    """One answer: who gave it, when it was asked for and when it came (seconds since the epoch), and what it was."""

    worker: int
    asked_at: float
    answered_at: float
    status: int
    message: str


class Askers:
    """CONNECTIONS connections to all workers, each asking again and again until the block ends."""

    def __init__(self, facade: Facade) -> None:
        self._facade = facade
        self._stop = threading.Event()
        self._connections = self._to_every_worker()
        shares = [self._connections[number::THREADS] for number in range(THREADS)]
        self._threads = [threading.Thread(target=self._run, args=(share,)) for share in shares]
        self.told: list[Response] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for connection, _worker in self._connections:
            connection.close()

    def wait(self, holds: Callable[[Response], bool], what: str) -> None:
        """Wait until every worker has given as many answers of which that holds as it has connections."""

        def held() -> bool:
            if self.errors:
                raise LabError(f"{self.errors[0]}\n{self._facade.output()}")
            counts = {worker: 0 for _, worker in self._connections}
            for told in self.told.copy():
                counts[told.worker] += holds(told)
            shares = [worker for _, worker in self._connections]
            return all(counts[worker] >= shares.count(worker) for worker in counts)

        wait_until(held, f"all workers answer {what}")

    def _to_every_worker(self) -> list[tuple[http.client.HTTPConnection, int]]:
        """Open connections until each worker has some: the kernel hands them out as it likes."""
        opened = []
        for _ in range(20 * CONNECTIONS):
            connection = http.client.HTTPConnection(ADDRESS, self._facade.port, timeout=30)
            self._ask(connection)
            opened.append((connection, worker_of(self._facade, connection)))
            if len(opened) >= CONNECTIONS and len({worker for _, worker in opened}) == WORKERS:
                return opened
        raise LabError("some worker never got a connection")

    def _run(self, share: list[tuple[http.client.HTTPConnection, int]]) -> None:
        try:
            while not self._stop.wait(0.005):
                for connection, worker in share:
                    asked_at = time.time()
                    status, body = self._ask(connection)
                    message = json.loads(body)["errors"][0]["message"] if status != 307 else ""
                    self.told.append(Response(worker, asked_at, time.time(), status, message))
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    @staticmethod
    def _ask(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
        connection.request("GET", TARGET, headers={"Host": HOST, "User-Agent": "docker/28.0.0"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture(params=["sqlite", "postgresql"])
def facade(request: pytest.FixtureRequest) -> Iterator[Facade]:
    with facade_on(request.param, workers=WORKERS, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("add_mapping", HOST, "acme", "http://127.0.9.9:5000/team", "--redirect-only")
        running.wait_for(TARGET, 307, host=HOST)
        yield running


def change(facade: Facade, *words: str) -> float:
    """Run the command beside the server; gives when its transaction was through."""
    return float(facade.seed("timed", *words).splitlines()[-1])


def test_all_workers_refuse_within_a_second_and_serve_again_within_one(facade: Facade) -> None:
    tenant, hostname = ("--tenant", "default"), ("--hostname", HOST)
    with Askers(facade) as askers:
        askers.wait(lambda told: told.status == 307, "before")
        changes = [(change(facade, "suspend", *tenant, "--message", MESSAGE), 403)]
        settle(askers, *changes[-1])
        changes.append((change(facade, "unsuspend", *tenant), 307))
        settle(askers, *changes[-1])
        changes.append((change(facade, "suspend", *hostname, "--message", MESSAGE), 403))
        settle(askers, *changes[-1])
        changes.append((change(facade, "unsuspend", *hostname), 307))
        settle(askers, *changes[-1])

    assert askers.errors == []
    assert {told.status for told in askers.told} == {307, 403}
    assert {told.message for told in askers.told if told.status == 403} == {MESSAGE}
    ends = [at for at, _ in changes[1:]] + [time.time()]
    for (changed_at, status), ends_at in zip(changes, ends, strict=True):
        # Up to the next change, of which the first workers may know before its command has looked at its clock.
        since = [told for told in askers.told if changed_at <= told.asked_at < ends_at - WITHIN_SECONDS]
        late = [told.asked_at - changed_at for told in since if told.status != status]
        print(f"the last answer before {status} was asked for {max(late, default=0.0):.3f} s after the change")
        assert [seconds for seconds in late if seconds > WITHIN_SECONDS] == []
        check_none_goes_back(since, status)


def settle(askers: Askers, changed_at: float, status: int) -> None:
    """Wait, as long as it takes, for every worker's new answer, and for answers that were due to be new."""
    askers.wait(lambda told: told.asked_at > changed_at and told.status == status, f"{status} after the change")
    due_at = changed_at + 2 * WITHIN_SECONDS
    askers.wait(lambda told: told.asked_at > due_at, "when time is up")


def check_none_goes_back(since: list[Response], status: int) -> None:
    """A worker that has answered by the new table never answers by the old one again."""
    for worker in {told.worker for told in since}:
        known_at = min(told.answered_at for told in since if told.worker == worker and told.status == status)
        after = {told.status for told in since if told.worker == worker and told.asked_at > known_at}
        assert after <= {status}

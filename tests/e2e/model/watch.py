"""Asks every worker all the time, each on a connection of its own, and writes down what it said when."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from time import monotonic
from typing import IO, Any, Self

from tests.e2e.facade import CONTROL_HOST, Facade
from tests.e2e.load import field
from tests.e2e.model.truth import Answer, Key, Truth, path_of
from tests.e2e.sockets import connection_to

_KEYS_AT_ONCE = 5
_PAUSE_SECONDS = 0.05
#: A worker that was stopped answers once it goes on; any other one at once.
_ANSWER_SECONDS = 60.0
#: Whatever is answered was true within the last second.
_LAST_SECONDS = 1.0


@dataclass(frozen=True)
class Said:
    """What a worker answered for a key; just before it had said `readiness` of itself."""

    pid: int
    asked: float
    answered: float
    readiness: dict[str, Any]
    key: Key
    answer: Answer

    def problem(self, truth: Truth) -> str:
        """What is wrong with it; "" where nothing is.

        A table that the database has confirmed for the last time so many seconds ago may be as old as that, and a
        second older. Where that is more than seconds the worker has to say that it is stale.
        """
        age, status = self.readiness["confirmed_seconds_ago"], self.readiness["status"]
        earliest = float("-inf") if age is None else self.asked - age - _LAST_SECONDS
        if status != "stale" and (age is None or age > _STALE_SECONDS):
            return f"{self} is not called stale"
        if truth.could_be(self.key, self.answer, earliest, self.answered):
            return ""
        return f"{self} was not true then:\n{truth.told(self.key)}"


#: `FACADE_POLL_SECONDS` is a quarter of a second, and four of them make a table that was not confirmed for three stale.
_STALE_SECONDS = 4.5


class Voice:
    """A connection to one worker."""

    def __init__(self, facade: Facade, pid: int) -> None:
        self.pid = pid
        self._socket = connection_to(pid, facade)
        self._socket.settimeout(_ANSWER_SECONDS)
        self._lines = self._socket.makefile("rb")

    def ask(self, keys: Sequence[Key]) -> list[Said]:
        """Ask for its readiness, then for the keys, in one go. Raises OSError where it is gone."""
        asked = monotonic()
        requests = [("/readyz", CONTROL_HOST), *((path_of(prefix), hostname) for hostname, prefix in keys)]
        self._socket.sendall(
            b"".join(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for path, host in requests)
        )
        readiness = json.loads(_answer(self._lines)[1])
        said = []
        for key in keys:
            head, _ = _answer(self._lines)
            answer = int(head[9:12]), field(head, b"location").decode()
            said.append(Said(self.pid, asked, monotonic(), readiness, key, answer))
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()


def _answer(lines: IO[bytes]) -> tuple[bytes, bytes]:
    head = b"".join(takewhile(lambda line: line not in (b"\r\n", b""), lines))
    if not head:
        raise ConnectionResetError("the worker has closed the connection")
    return head, lines.read(int(field(head, b"content-length") or 0))


class Watch:
    """A thread for each worker that there is, also for those that take the place of others."""

    def __init__(self, facade: Facade, truth: Truth, chance: random.Random) -> None:
        self._facade, self._truth, self._chance = facade, truth, chance
        self._stopping = threading.Event()
        self._said: list[Said] = []
        self._lock = threading.Lock()
        self.failures: list[BaseException] = []

    def take(self) -> list[Said]:
        """What was said since this was asked last."""
        with self._lock:
            said, self._said = self._said, []
        return said

    def last_of(self, pid: int) -> Said | None:
        """What this worker said last."""
        with self._lock:
            return next((each for each in reversed(self._said) if each.pid == pid), None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask until the end of this."""
        keeper = threading.Thread(target=self._keep, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._stopping.set()
            keeper.join()
        if self.failures:
            raise self.failures[0]

    def _keep(self) -> None:
        threads: dict[int, threading.Thread] = {}
        while not self._stopping.wait(0.2):
            for pid in self._facade.worker_pids():
                if pid not in threads or not threads[pid].is_alive():
                    threads[pid] = threading.Thread(target=self._listen, args=(pid,), daemon=True)
                    threads[pid].start()
        for thread in threads.values():
            thread.join()

    def _listen(self, pid: int) -> None:
        try:
            with Voice(self._facade, pid) as voice:
                while not self._stopping.wait(_PAUSE_SECONDS):
                    keys = self._chance.sample(self._truth.keys, _KEYS_AT_ONCE)
                    said = voice.ask(keys)
                    with self._lock:
                        self._said += said
        except (OSError, AssertionError) as error:
            # A worker that was killed is gone; one that is there answers.
            if pid in self._facade.worker_pids() and not isinstance(error, ConnectionError):
                self.failures.append(error)
        except BaseException as error:
            self.failures.append(error)

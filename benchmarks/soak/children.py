"""Processes beside the server. Each ends with the soak, however that ends."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from benchmarks.servers import ROOT

START_SECONDS = 180.0
END_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def ends_with_parent(nice: int = 0) -> Callable[[], None]:
    """For `preexec_fn`: the kernel ends the process when the one that started it is gone (prctl(2)), even if killed."""

    def before_exec() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        os.nice(nice)

    return before_exec


class Child:
    """A module of the soak, run as a program. Its first line of input is its task; with its first of output it is
    ready.

    It ends at the end of its input, and tells then what it has found.
    """

    def __init__(self, module: str, task: Mapping[str, Any], directory: Path, *, nice: int = 0) -> None:
        self._module = module
        self._log = directory / f"{module}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"benchmarks.soak.{module}"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=ends_with_parent(nice),
            )
        self.say(json.dumps(task))
        self.ready: dict[str, Any] = self._read(START_SECONDS)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def say(self, line: str) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """End it, and what it found."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        found = self._read(END_SECONDS)
        self._process.wait(END_SECONDS)
        return found

    def _read(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], seconds)[0]:
            line = self._process.stdout.readline()
            if line:
                found: dict[str, Any] = json.loads(line)
                return found
        raise SystemExit(f"{self._module} says nothing:\n{self._log.read_text(errors='replace')[-3000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)


def tell(found: Mapping[str, Any]) -> None:
    """Say so to whoever started this program."""
    print(json.dumps(found), flush=True)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Wait for something that takes moments. Exits where it doesn't come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not so after {seconds:g} s: {what}")
        time.sleep(0.05)

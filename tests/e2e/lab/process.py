"""Starting, awaiting and ending the programs of the laboratory, with a deadline on everything."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

#: Generous: the suite shares two noisy cores with its neighbours, and a deadline is there to end a hang.
START_SECONDS = 180.0
STOP_SECONDS = 20.0
RUN_SECONDS = 300.0
POLL_SECONDS = 0.05


class LabError(AssertionError):
    """A component did not do what the laboratory needs; the message carries the program's own output."""


def wait_until(condition: Callable[[], bool], what: str, timeout_seconds: float = START_SECONDS) -> None:
    """Poll ``condition`` until it holds. Raises LabError naming ``what`` when ``timeout_seconds`` have gone by."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"after {timeout_seconds:g} s still not so: {what}")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Completed:
    """What a finished command said: exit status (None when it had to be killed) and stdout and stderr, interleaved."""

    argv: tuple[str, ...]
    status: int | None
    output: str
    stdout: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    def checked(self) -> Self:
        """Itself. Raises LabError with the output when the command failed."""
        if not self.ok:
            raise LabError(f"{' '.join(self.argv)} → {self.status}\n{self.output}")
        return self


def run(
    argv: Sequence[str], *, env: Mapping[str, str], timeout_seconds: float = RUN_SECONDS, stdin: str = ""
) -> Completed:
    """Run a command to its end. A command over its deadline is killed, with its children, and counts as failed."""
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            argv, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, start_new_session=True
        )
        try:
            out, _ = child.communicate(stdin.encode(), timeout=timeout_seconds)
            status: int | None = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
            status = None
        err.seek(0)
        stderr = err.read().decode(errors="replace")
    stdout = out.decode(errors="replace")
    note = f"\nkilled after {timeout_seconds:g} s" if status is None else ""
    return Completed(tuple(argv), status, f"{stdout}{stderr}{note}".strip(), stdout)


def private_environment(home: Path) -> dict[str, str]:
    """An environment in which no client finds this machine's own configuration, credentials, proxies or daemons."""
    return {
        # The distribution's programs, not what someone put before them in /usr/local.
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "DOCKER_CONFIG": str(home / ".docker"),
        "XDG_RUNTIME_DIR": str(home / "run"),
    }


def short_directory(name: str) -> Path:
    """A fresh directory with a short path: a unix socket's path may be 107 bytes long and no longer."""
    return Path(tempfile.mkdtemp(prefix=f"lab-{name}-", dir="/tmp"))


class Daemon:
    """A program that runs until `stop`. Its output goes to a file, whose end is in the message of every failure."""

    def __init__(self, argv: Sequence[str], directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.log = directory / "log"
        with self.log.open("ab") as log:
            # With the test run gone the daemon must go too, even when the run was killed and ran no finaliser.
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *argv],
                env=dict(env if env is not None else private_environment(directory)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, ready: Callable[[], bool], timeout_seconds: float = START_SECONDS) -> None:
        """Wait for ``ready`` while the program lives; otherwise end it and raise LabError with its output."""
        try:
            wait_until(lambda: not self.running or ready(), f"ready: {self._child.args!r}", timeout_seconds)
            if not self.running:
                raise LabError(f"exited with {self._child.returncode}: {self._child.args!r}")
        except LabError as error:
            self.stop()
            raise LabError(f"{error}\n{self.tail()}") from None

    def stop(self) -> None:
        """End the program and what it left in its process group. Safe to call twice."""
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)


def remove(directory: Path) -> None:
    """Delete a directory that a daemon worked in, first detaching what it may have left mounted there."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
    shutil.rmtree(directory, ignore_errors=True)

"""Keeps a process running beside a server: begun again when it ends, later each time that it ends at once."""

import logging
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
#: One that has run for so long is begun again at once.
_STEADY_SECONDS = 60.0
_LOOK_SECONDS = 0.5


class Supervised:
    """One process, and the thread that looks after it."""

    def __init__(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str], log: logging.Logger) -> None:
        self._argv, self._cwd, self._environ, self._log = argv, cwd, environ, log
        self._stopping = threading.Event()
        self._process = self._begin()
        self._thread = threading.Thread(target=self._look_after, name="supervision", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        self._thread.join()
        if self._process is not None:
            self._process.terminate()

    def _begin(self) -> "subprocess.Popen[bytes] | None":
        self._begun_at = time.monotonic()
        try:
            return subprocess.Popen(self._argv, cwd=self._cwd, env=self._environ, start_new_session=True)
        except OSError as error:
            # No memory, no more processes, no more files: of this machine, and for now.
            self._log.error("%s can't be begun: %s", " ".join(self._argv[1:]), error)
            return None

    def _look_after(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.wait(_LOOK_SECONDS):
            # gunicorn waits for all of its children, so that the status may be known to it alone.
            if self._process is not None and self._process.poll() is None:
                continue
            if time.monotonic() - self._begun_at > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._log.error("%s ended; it begins again in %.0f s", " ".join(self._argv[1:]), pause)
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._process = self._begin()

"""The files in place: read, and replaced by moves that a reader sees whole or not at all."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from routing.edge.document import Published, Refused
from routing.edge.envoy import BOOTSTRAP, LISTENER, ROUTES, Routes, read_routes, whole

STATUS = "edge-status.json"
_CHECK_SECONDS = 300


class Folder:
    """Where the engine finds its files, and the edge's own status."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def routes(self) -> Routes | None:
        """What is in place; None where nothing usable is."""
        try:
            return read_routes((self.path / ROUTES).read_text())
        except (OSError, ValueError, Refused):
            return None

    def etag(self, address: str) -> str:
        """The tag of what is in place, where it is from that address and nobody changed it since; otherwise ""."""
        try:
            told = json.loads((self.path / STATUS).read_text())
            same = told["address"] == address and told["sums"] == self._sums()
            return str(told["etag"]) if same else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def replace(self, published: Published, check: str) -> None:
        """Put the files in place, what is named before what names it. Raises Refused, OSError; then nothing is changed.

        `check`: Envoy's program, which has to accept them first; "": it isn't asked.
        """
        for left in self.path.glob(".edge.*"):
            # What a killed edge has left.
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".edge.", dir=self.path) as fresh:
            for name, text in published.files:
                _write(Path(fresh) / name, text)
            if check:
                _ask(check, Path(fresh) / "judged.json", dict(published.files))
            for name, _ in published.files:
                (Path(fresh) / name).replace(self.path / name)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def tell(self, address: str, etag: str, generation: int | None, problem: str) -> None:
        """Write the status: what is in place, when that was found to be so, and what is wrong, where something is.

        A status that can't be written is no reason to stop.
        """
        with contextlib.suppress(OSError):
            status = {
                "address": address,
                "etag": etag,
                "generation": generation,
                "problem": problem,
                "time": time.time(),
                "sums": self._sums() if etag else {},
            }
            descriptor, name = tempfile.mkstemp(prefix=f".{STATUS}.", dir=self.path)
            os.close(descriptor)
            _write(Path(name), json.dumps(status) + "\n")
            os.replace(name, self.path / STATUS)

    def _sums(self) -> dict[str, str]:
        names = (ROUTES, LISTENER, BOOTSTRAP)
        return {name: hashlib.sha256((self.path / name).read_bytes()).hexdigest() for name in names}


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _ask(program: str, path: Path, files: dict[str, str]) -> None:
    try:
        path.write_text(whole(files))
        words = [program, "--mode", "validate", "-l", "error", "-c", str(path)]
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_CHECK_SECONDS, check=False
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise Refused("its listener has no place for routes") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"{program} can't check it: {error}") from error
    if done.returncode:
        raise Refused(f"Envoy refuses it: {(done.stderr or done.stdout).strip()[-500:]}")

"""What this machine's workers last saw of registries, for its pages and metrics. Nothing is decided by it.

*Limits*: how many more manifests a registry gives to the facade's address, as it says with its answers. *Stale
answers*: that manifests under a mapping came from memory, since its registry could not answer. *Refusals*: that a
registry answered 429, for there were too many requests of this address.

Workers keep in memory what is new. `write` leaves it as notes in the state folder, one for each registry or mapping.
"""

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings

from routing.manifest_store.notes import Facts, Notes

logger = logging.getLogger(__name__)

# Of each kind. Registries are tenants' own: the one that was seen longest ago leaves first.
_MOST = 256
# How often one worker writes of the same thing.
_WRITTEN_SECONDS = 2.0
# Where a registry doesn't say in how many seconds it gives so many.
_USUAL_WINDOW_SECONDS = 3600.0


class Limit(NamedTuple):
    """What a registry said at `at` (since 1970): it gives so many (`left`) more. `number`: in `seconds`; 0: unknown."""

    origin: str
    left: int
    number: int
    seconds: float
    at: float

    @property
    def holds(self) -> bool:
        """Whether its time isn't over: after that the registry counts from the beginning."""
        return time.time() - self.at < (self.seconds or _USUAL_WINDOW_SECONDS)


class Refusal(NamedTuple):
    """A registry refused at `at` (since 1970), wanting no request for `wait_seconds`; None: it didn't say."""

    wait_seconds: int | None
    at: float


class Sightings:
    """Of one process, and of all that write to the same folder. Safe for threads."""

    def __init__(self) -> None:
        self._notes = Notes()
        self._lock = threading.Lock()
        self._fresh: dict[tuple[str, str], Facts] = {}
        self._written_at: dict[tuple[str, str], float] = {}
        self._was_told = False

    def see_limit(self, origin: str, left: int, number: int, seconds: float) -> None:
        """A registry has said how many more it gives."""
        self._see("limits", origin, {"left": left, "number": number, "seconds": seconds})

    def see_refusal(self, origin: str, wait_seconds: int | None) -> None:
        """A registry has refused, for there were too many requests."""
        self._see("refusals", origin, {"wait_seconds": wait_seconds})

    def see_stale(self, hostname: str, prefix: str) -> None:
        """A manifest under a mapping was given as its registry had said it before it failed."""
        self._see("stale", f"{hostname}/{prefix}", {})

    def limit(self, origin: str) -> Limit | None:
        """What a registry said last; None where that is too long ago, or nothing."""
        self.write(at_once=True)
        found = _limit(self._read("limits", origin))
        return found if found is not None and found.holds else None

    def refusal(self, origin: str) -> Refusal | None:
        """When it last refused so; None where it never did, as far as is known."""
        self.write(at_once=True)
        facts = self._read("refusals", origin)
        return None if facts is None else Refusal(facts["wait_seconds"], float(facts["at"]))

    def limits(self) -> list[Limit]:
        """What each registry said last that said anything lately."""
        self.write(at_once=True)
        found = [_limit(self._notes.read(entry.path)) for entry in _entries("limits")]
        return sorted(limit for limit in found if limit is not None and limit.holds)

    def stale_at(self, hostname: str, prefix: str) -> float | None:
        """When something under a mapping was last given although its registry failed, in seconds since 1970."""
        self.write(at_once=True)
        facts = self._read("stale", f"{hostname}/{prefix}")
        return None if facts is None else float(facts["at"])

    def write(self, *, at_once: bool = False) -> None:
        """Write what is new. Where that can't be done, it is said once, and what was to be said is lost."""
        with self._lock:
            due = {key: facts for key, facts in self._fresh.items() if at_once or self._is_due(key)}
            for key in due:
                del self._fresh[key]
        try:
            for (kind, about), facts in due.items():
                self._notes.write(_path(kind, about), {"about": about, **facts})
                self._written_at[kind, about] = time.monotonic()
            for kind in {kind for kind, _ in due}:
                _keep_newest(kind, {_path(*key) for key in due})
        except OSError as error:
            if not self._was_told:
                logger.warning("what was seen of registries can't be written for the pages: %s", error.strerror)
            self._was_told = True

    def forget(self) -> None:
        """Forget what was not written yet. For tests."""
        with self._lock:
            self._fresh.clear()

    def _see(self, kind: str, about: str, facts: Facts) -> None:
        with self._lock:
            if len(self._fresh) < _MOST or (kind, about) in self._fresh:
                self._fresh[kind, about] = {**facts, "at": time.time()}

    def _is_due(self, key: tuple[str, str]) -> bool:
        if len(self._written_at) > _MOST:
            self._written_at.clear()
        return time.monotonic() - self._written_at.get(key, float("-inf")) >= _WRITTEN_SECONDS

    def _read(self, kind: str, about: str) -> Facts | None:
        facts = self._notes.read(_path(kind, about))
        return facts if facts is not None and facts["about"] == about else None


def _limit(facts: Facts | None) -> Limit | None:
    if facts is None:
        return None
    return Limit(facts["about"], facts["left"], facts["number"], facts["seconds"], facts["at"])


def _folder(kind: str) -> str:
    return f"{settings.STATE_DIR}/sightings/{kind}"


def _path(kind: str, about: str) -> str:
    return f"{_folder(kind)}/{hashlib.sha256(about.encode()).hexdigest()[:40]}"


def _entries(kind: str) -> Iterator["os.DirEntry[str]"]:
    with contextlib.suppress(OSError):
        yield from os.scandir(_folder(kind))


def _keep_newest(kind: str, just_written: set[str]) -> None:
    found = list(_entries(kind))
    if len(found) <= _MOST:
        return
    others = [entry for entry in found if entry.path not in just_written]
    with contextlib.suppress(OSError):
        for entry in sorted(others, key=lambda entry: entry.stat().st_mtime)[: len(found) - _MOST]:
            os.unlink(entry.path)


sightings = Sightings()

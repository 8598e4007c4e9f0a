"""Keeps the store within its bound, and each tenant within its share: what was used least lately leaves first.

Where the disk has little room, the bound is lower: what belongs to the facade otherwise, its database and the table's
snapshot, has to find room there.

One process of a machine at a time looks through the folders, on a thread, with pauses. What it counts is what the file
system gives: a note of some hundred bytes takes a whole block.
"""

import contextlib
import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from routing.manifest_store.notes import UNFINISHED, Notes

# Of the bound, what one tenant may have, and what all have at most after a pruning: the rest is room for what comes.
_SHARE, _WHOLE = 1 / 2, 7 / 8
# Who has too much keeps so much of what is allowed.
_KEPT = 7 / 8
# Files that belong to nothing may be of somebody who is about to write what they belong to.
_YOUNG_SECONDS = 60.0
# Evidence that is so old is of no use to anybody (FACADE_STALE_SECONDS is seldom more).
_OLD_SECONDS = 7 * 86_400.0
_BLOCK_BYTES = 512
#: What stays free on the disk.
RESERVE_BYTES = 256 * 1024**2
_STEPS, _PAUSE_SECONDS = 256, 0.002
T = TypeVar("T")


class _File(NamedTuple):
    """A file, by what it takes of the disk and when it was changed."""

    path: str
    name: str
    cost: int
    changed_at: float


@dataclass
class _Item:
    """What leaves together: a note and, where nobody else needs it, its body (`digest` is that file's name)."""

    note: _File
    tenant: str
    digest: str
    used_at: float


@dataclass
class _Contents:
    """All that the store holds."""

    bodies: dict[str, _File] = field(default_factory=dict)
    items: list[_Item] = field(default_factory=list)
    # What repositories take beside their items.
    overhead: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def used_bytes(self) -> int:
        """What all of it takes."""
        notes = sum(item.note.cost for item in self.items)
        return notes + sum(body.cost for body in self.bodies.values()) + sum(self.overhead.values())


class Pruned(NamedTuple):
    """What the store takes of the disk after a pruning, and what it may take."""

    used_bytes: int
    allowed_bytes: int


def prune(folder: str, bound_bytes: int, now: float) -> Pruned:
    """Remove what is too much. Raises OSError where the folder can't be used."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(f"{folder}/pruning", "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Somebody is at it.
            return last_pruned(folder) or Pruned(0, bound_bytes)
        pruned = _prune(folder, bound_bytes, now)
        Notes().write(f"{folder}/used", pruned._asdict())
        return pruned


def last_pruned(folder: str) -> Pruned | None:
    """How it stood when it was last pruned; None where it never was."""
    facts = Notes().read(f"{folder}/used")
    return None if facts is None else Pruned(int(facts["used_bytes"]), int(facts["allowed_bytes"]))


def room_on_disk(folder: str) -> int:
    """How many bytes more may be written there. Raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize - RESERVE_BYTES


def _prune(folder: str, bound_bytes: int, now: float) -> Pruned:
    contents = _look_through(folder, now)
    bound_bytes = max(min(bound_bytes, contents.used_bytes + room_on_disk(folder)), 0)
    leaving: set[int] = set()
    by_tenant: defaultdict[str, list[_Item]] = defaultdict(list)
    for item in contents.items:
        by_tenant[item.tenant].append(item)
    for tenant, items in by_tenant.items():
        leaving |= _leaving(items, contents, bound_bytes * _SHARE, contents.overhead[tenant])
    staying = [item for item in contents.items if id(item) not in leaving]
    leaving |= _leaving(staying, contents, bound_bytes * _WHOLE, sum(contents.overhead.values()))
    gone = [item for item in contents.items if id(item) in leaving]
    for item in _in_steps(gone):
        _remove(item.note)
    staying = [item for item in staying if id(item) not in leaving]
    needed, left = {item.digest for item in staying}, {item.digest for item in gone}
    total = sum(contents.overhead.values()) + sum(item.note.cost for item in staying)
    for name, body in _in_steps(contents.bodies.items()):
        is_about_to_be_needed = name not in left and now - body.changed_at < _YOUNG_SECONDS
        if name in needed or is_about_to_be_needed:
            total += body.cost
        else:
            _remove(body)
    return Pruned(total, bound_bytes)


def _leaving(items: Iterable[_Item], contents: _Contents, bound_bytes: float, overhead: int) -> set[int]:
    """Which of these items have to leave, for what they take to be within the bound."""
    items = sorted(items, key=lambda item: item.used_at)
    users: defaultdict[str, int] = defaultdict(int)
    for item in items:
        users[item.digest] += 1
    bodies = sum(contents.bodies[digest].cost for digest in users if digest in contents.bodies)
    total = overhead + bodies + sum(item.note.cost for item in items)
    if total <= bound_bytes:
        return set()
    leaving = set()
    for item in items:
        if total <= bound_bytes * _KEPT:
            break
        leaving.add(id(item))
        total -= item.note.cost
        users[item.digest] -= 1
        if not users[item.digest] and item.digest in contents.bodies:
            total -= contents.bodies[item.digest].cost
    return leaving


def _look_through(folder: str, now: float) -> _Contents:
    contents = _Contents()
    for shelf in _folders(f"{folder}/bodies"):
        for file in _in_steps(_files(shelf)):
            if not _is_left_over(file, now):
                contents.bodies[file.name] = file
    notes = Notes()
    for repository in _folders(f"{folder}/repositories"):
        about = notes.read(f"{repository}/about") or {}
        tenant = str(about.get("tenant", ""))
        files = [file for file in _in_steps(_files(repository)) if not _is_left_over(file, now)]
        items = [item for file in files if (item := _item(file, tenant, contents, now)) is not None]
        if items:
            contents.items += items
            contents.overhead[tenant] += sum(file.cost for file in files) - sum(item.note.cost for item in items)
        else:
            _remove_folder(repository, files, now)
    return contents


def _item(file: _File, tenant: str, contents: _Contents, now: float) -> _Item | None:
    kind, _, name = file.name.partition("-")
    if kind == "t":
        if now - file.changed_at > _OLD_SECONDS:
            _remove(file)
            return None
        return _Item(file, tenant, "", file.changed_at)
    if kind != "m":
        return None
    body = contents.bodies.get(name)
    if body is None:
        if now - file.changed_at > _YOUNG_SECONDS:
            _remove(file)
        return None
    return _Item(file, tenant, name, body.changed_at)


def _is_left_over(file: _File, now: float) -> bool:
    """Whether it is what a writer that was killed has left. It is removed then."""
    if UNFINISHED not in file.name:
        return False
    if now - file.changed_at > _YOUNG_SECONDS:
        _remove(file)
    return True


def _remove_folder(repository: str, files: list[_File], now: float) -> None:
    """Remove what is left of a repository that gave nothing that is here, unless somebody is about to write there."""
    with contextlib.suppress(OSError):
        changed_at = [os.stat(repository).st_mtime, *(file.changed_at for file in files)]
        if now - max(changed_at) > _YOUNG_SECONDS:
            for file in files:
                _remove(file)
            os.rmdir(repository)


def _folders(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _files(folder: str) -> Iterator[_File]:
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            # Others may take files away meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                yield _File(entry.path, entry.name, max(found.st_blocks * _BLOCK_BYTES, found.st_size), found.st_mtime)


def _in_steps(things: Iterable[T]) -> Iterator[T]:
    """The same, with pauses: other threads answer requests meanwhile."""
    for number, thing in enumerate(things, 1):
        if number % _STEPS == 0:
            time.sleep(_PAUSE_SECONDS)
        yield thing


def _remove(file: _File) -> None:
    with contextlib.suppress(OSError):
        os.unlink(file.path)

"""The red button's file, and the snapshots that are kept for it: what can be done without a database and a sign-in.

Each is of this machine alone. The file is there for as long as the table is frozen.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from routing.table.whole_file import replace_file

#: So many older snapshots are kept: of tables that were the newest for so long at least.
KEPT_SNAPSHOTS = 10
_STOOD_SECONDS = 60.0
_KEPT = "routing-table.{generation}.kept"


class Freeze(NamedTuple):
    """`generation` is what is to be served, None for whatever is; `at` when the button was pressed (s since 1970)."""

    generation: int | None
    at: float


class KeptSnapshot(NamedTuple):
    """A snapshot of a generation, and when it was written, in seconds since 1970."""

    generation: int
    at: float
    path: Path


def read_freeze(path: Path) -> Freeze | None:
    """What the file says; None where there is none. A file that can't be read freezes what there is."""
    try:
        told = json.loads(path.read_text())
        generation = told["generation"]
        return Freeze(None if generation is None else int(generation), float(told["at"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError):
        return Freeze(None, 0.0)


def write_freeze(path: Path, generation: int | None) -> Freeze:
    """Press the button. Raises OSError."""
    freeze = Freeze(generation, time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(freeze._asdict()))
    return freeze


def kept_path(snapshot: Path, generation: int) -> Path:
    """Where the snapshot of a generation is kept."""
    return snapshot.with_name(_KEPT.format(generation=generation))


def kept_snapshots(snapshot: Path) -> list[KeptSnapshot]:
    """Those that there are, the latest first."""
    return sorted(_kept(snapshot), key=lambda kept: kept.at, reverse=True)


def keep_snapshot(snapshot: Path, generation: int) -> None:
    """Keep what is about to be replaced, if it stood for long enough, and let the oldest go. Raises OSError.

    So what was there before many changes in a row is always among those that are kept.
    """
    if time.time() - snapshot.stat().st_mtime < _STOOD_SECONDS:
        return
    place = kept_path(snapshot, generation)
    place.unlink(missing_ok=True)
    # No copy: a snapshot is never written to, but replaced.
    os.link(snapshot, place)
    for each in kept_snapshots(snapshot)[KEPT_SNAPSHOTS:]:
        each.path.unlink(missing_ok=True)


def _kept(snapshot: Path) -> Iterator[KeptSnapshot]:
    for path in snapshot.parent.glob(_KEPT.format(generation="*")):
        number = path.name.split(".")[1]
        with contextlib.suppress(OSError):
            if number.isdecimal():
                yield KeptSnapshot(int(number), path.stat().st_mtime, path)

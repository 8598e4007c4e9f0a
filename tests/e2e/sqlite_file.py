"""SQLite's file of a facade: backed up and put back under the running server, as docs/how-to/database.md says."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.facade import Facade


def file_of(facade: Facade) -> Path:
    """Where it is."""
    return facade.directory / "state" / "facade.sqlite3"


def back_up(facade: Facade) -> Path:
    """A copy, through SQLite."""
    kept = facade.directory / "backup.sqlite3"
    with closing(sqlite3.connect(file_of(facade))) as source, closing(sqlite3.connect(kept)) as target:
        source.backup(target)
    return kept


def by_restore(kept: Path, file: Path) -> None:
    """Through SQLite, with everybody going on."""
    with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)


def remove_log(file: Path) -> None:
    """What SQLite keeps beside it."""
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def by_mv(kept: Path, file: Path) -> None:
    """The backup takes its name."""
    remove_log(file)
    kept.rename(file)


def by_rm_and_cp(kept: Path, file: Path) -> None:
    """It is deleted, and for a moment there is none."""
    file.unlink()
    remove_log(file)
    shutil.copyfile(kept, file)

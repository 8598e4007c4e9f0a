"""Notices that SQLite's file has been replaced, deleted or written over while it is open.

A connection stays with the files that it has opened, also where their names lead to others by now: it would follow a
deleted file for ever. The files are looked at by name only, never opened: closing one would take away every lock that
this process has on it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection


class _Files(NamedTuple):
    """Device and inode of the database, its log and its index; and when the database itself was written last."""

    main: tuple[int, int] | None
    wal: tuple[int, int] | None
    shm: tuple[int, int] | None
    written: tuple[int, int] | None


class SQLiteFileWatch:
    """Keeps this thread's connection with the files that bear the database's name. On PostgreSQL it does nothing."""

    def __init__(self) -> None:
        self._files: _Files | None = None
        self._opened: Any = None

    def before(self) -> bool:
        """To be called before a look: True where the file is another one than at the look before.

        The connection is then closed, so that the next query opens what is there now. Raises FileNotFoundError where
        nothing is there.
        """
        path = _path()
        if path is None:
            return False
        require_file()
        files, before = _look(path), self._files
        is_open = self._opened is not None and connection.connection is self._opened
        if is_open and files != before and not connection.in_atomic_block:
            # Also where only its content was written, as by a checkpoint: then this costs a connection, and no more.
            connection.close()
            self._opened = None
            files, seen = _look(path), files
        else:
            seen = files
        self._files = files
        return before is not None and (seen.main != before.main or (is_open and seen[:3] != before[:3]))

    def after(self) -> None:
        """To be called after the look's queries: notes which log a new connection has opened.

        Of the database itself, what was there before them counts: whatever was written since may not have been read.
        """
        path = _path()
        if path is None or self._files is None or connection.connection is self._opened:
            return
        files = _look(path)
        self._files = self._files._replace(wal=files.wal, shm=files.shm)
        self._opened = connection.connection


def require_file() -> None:
    """Raise FileNotFoundError where SQLite's file is gone: to connect would make an empty one in its place.

    This thread's connection is closed then: it would stay with the deleted file.
    """
    path = _path()
    if path is not None and not path.exists():
        if not connection.in_atomic_block:
            connection.close()
        raise FileNotFoundError(f"the database file {path} is gone")


def is_new() -> bool:
    """Whether SQLite's file is not there."""
    path = _path()
    return path is not None and not path.exists()


def _path() -> Path | None:
    """Where the database lies, where it is a file of SQLite's."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name.startswith("file:") or name == ":memory:":
        return None
    return Path(name)


def _look(path: Path) -> _Files:
    main = _stat(path)
    wal, shm = (_stat(path.with_name(path.name + suffix)) for suffix in ("-wal", "-shm"))
    written = None if main is None else (main.st_mtime_ns, main.st_size)
    return _Files(_inode(main), _inode(wal), _inode(shm), written)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _inode(found: os.stat_result | None) -> tuple[int, int] | None:
    return None if found is None else (found.st_dev, found.st_ino)

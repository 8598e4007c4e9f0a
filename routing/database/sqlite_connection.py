"""Connections to SQLite's file, which make none.

SQLite makes an empty database wherever it is given a name that is not there. Of a file that was deleted, or not put
back yet, everybody would be told that it has to be migrated, and whoever obeyed would serve nothing to nobody.
"""

import os
import sqlite3
from typing import Any
from urllib.parse import quote

_may_make = False


def allow_new_file() -> None:
    """From now on this process makes the file where it is missing, as `migrate` does."""
    global _may_make
    _may_make = True


class FileConnection(sqlite3.Connection):
    """Raises sqlite3.OperationalError (SQLITE_CANTOPEN) where there is no file. https://www.sqlite.org/uri.html"""

    def __init__(self, database: Any, *arguments: Any, **options: Any) -> None:
        path = os.fspath(database)
        if not _may_make and path != ":memory:" and not path.startswith("file:"):
            path, options["uri"] = f"file:{quote(path)}?mode=rw", True
        super().__init__(path, *arguments, **options)

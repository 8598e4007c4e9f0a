"""Who connects to SQLite finds the file, or is told that there is none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import OperationalError

from routing.database import sqlite_connection
from routing.database.failures import Failure, failure_of
from routing.database.sqlite_connection import FileConnection, allow_new_file


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every process that does not migrate."""
    monkeypatch.setattr(sqlite_connection, "_may_make", False)


@pytest.mark.parametrize("name", ["facade.sqlite3", "odd name?mode=rwc#%20&é.sqlite3"])
@pytest.mark.usefixtures("finds")
def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(sqlite3.OperationalError) as failed:
        sqlite3.connect(tmp_path / name, factory=FileConnection)

    told = OperationalError(*failed.value.args)
    told.__cause__ = failed.value
    assert failure_of(told) is Failure.GONE
    assert list(tmp_path.iterdir()) == []

    allow_new_file()
    with closing(sqlite3.connect(tmp_path / name, factory=FileConnection)) as made:
        made.execute("CREATE TABLE x (y)")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["facade.sqlite3", "odd name?mode=rwc#%20&é.sqlite3"])
@pytest.mark.usefixtures("finds")
def test_one_that_is_there_is_found_and_written(tmp_path: Path, name: str) -> None:
    with closing(sqlite3.connect(tmp_path / name)) as made:
        made.execute("CREATE TABLE x (y)")

    with closing(sqlite3.connect(tmp_path / name, factory=FileConnection)) as found:
        found.execute("INSERT INTO x VALUES (1)")
        assert found.execute("SELECT y FROM x").fetchall() == [(1,)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.usefixtures("finds")
def test_a_database_in_memory_needs_none() -> None:
    with closing(sqlite3.connect(":memory:", factory=FileConnection)) as made:
        made.execute("CREATE TABLE x (y)")

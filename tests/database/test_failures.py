"""What the database's errors mean, with errors that it made itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.utils import DatabaseErrorWrapper

from routing.database.failures import Failure, failure_of


def raised_by(statement: str) -> Exception:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return caught.value


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "failure"),
    [
        ("SELECT 1 FROM nowhere", Failure.NOT_MIGRATED),
        ("SELECT missing FROM routing_tenant", Failure.NOT_MIGRATED),
        ("INSERT INTO nowhere VALUES (1)", Failure.NOT_MIGRATED),
        ("SELEKT 1", None),
    ],
)
def test_a_statement_that_fails_is_told_by_its_code(statement: str, failure: Failure | None) -> None:
    assert failure_of(raised_by(statement)) is failure


@pytest.mark.django_db
def test_a_broken_constraint_is_no_word_on_the_database() -> None:
    twice = "INSERT INTO routing_generation (id, value) VALUES (1, 1), (1, 1)"

    error = raised_by(twice)

    assert isinstance(error, IntegrityError)
    assert failure_of(error) is None


# ---------------------------------------------------------------- SQLite
def of_sqlite(fail: Callable[[Path], None], folder: Path) -> Failure | None:
    """What Django's form of the error is taken for."""
    with pytest.raises(DatabaseError) as caught, _Wrapped():
        fail(folder)
    return failure_of(caught.value)


class _Wrapped(DatabaseErrorWrapper):
    def __init__(self) -> None:
        super().__init__(connection)
        self.wrapper = _SQLite()


class _SQLite:
    Database = sqlite3
    errors_occurred = False


def locked(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a")) as one, closing(sqlite3.connect(folder / "a", timeout=0)) as other:
        one.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


def read_only(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a")) as made:
        made.execute("CREATE TABLE a (b)")
    with closing(sqlite3.connect(f"file:{folder / 'a'}?mode=ro", uri=True)) as opened:
        opened.execute("INSERT INTO a VALUES (1)")


def full(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a")) as opened:
        opened.execute("PRAGMA max_page_count=2")
        opened.execute("CREATE TABLE a (b)")
        opened.execute("INSERT INTO a VALUES (zeroblob(100000))")


def no_database(folder: Path) -> None:
    (folder / "a").write_bytes(b"no database at all" * 1000)
    with closing(sqlite3.connect(folder / "a")) as opened:
        opened.execute("SELECT 1 FROM a")


def missing_folder(folder: Path) -> None:
    sqlite3.connect(folder / "b" / "a")


@pytest.mark.parametrize(
    ("fail", "failure"),
    [
        (locked, Failure.BUSY),
        (read_only, Failure.READ_ONLY),
        (full, Failure.FULL),
        (no_database, Failure.DAMAGED),
        (missing_folder, Failure.GONE),
    ],
)
def test_sqlite_tells_by_its_code(fail: Callable[[Path], None], failure: Failure, tmp_path: Path) -> None:
    assert of_sqlite(fail, tmp_path) is failure


# ---------------------------------------------------------------- PostgreSQL
def test_nobody_at_the_socket_is_gone(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(f"postgres://x@/x?host={tmp_path}")
    assert failure_of(caught.value) is Failure.GONE


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("08006", Failure.GONE),
        ("57P01", Failure.GONE),
        ("53300", Failure.GONE),
        ("53100", Failure.FULL),
        ("25006", Failure.READ_ONLY),
        ("55P03", Failure.BUSY),
        ("57014", Failure.BUSY),
        ("25P03", Failure.BUSY),
        ("40P01", Failure.BUSY),
        ("23505", None),
        ("22001", None),
    ],
)
def test_postgresql_tells_by_its_state(state: str, failure: Failure | None) -> None:
    assert failure_of(psycopg.errors.lookup(state)()) is failure


def test_what_is_no_error_of_the_database_is_none() -> None:
    assert failure_of(ValueError("x")) is failure_of(None) is None

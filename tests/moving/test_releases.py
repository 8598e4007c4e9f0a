"""A database of each release before is upgraded by `migrate`, and a backup of it is restored by this one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from routing import __version__
from tests.moving.databases import KINDS, Database, new_database

FOLDER = Path(__file__).parent / "releases"
RELEASES = sorted(path.name for path in FOLDER.iterdir())
SCHEMA = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
    "postgresql": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
}
CONSTRAINTS = (
    "SELECT conrelid::regclass::text, conname, contype FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
    "ORDER BY 1, 2"
)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def facts(release: str, kind: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((FOLDER / release / f"{kind}.json").read_text())
    return known


@pytest.fixture
def database(release: str, kind: str, tmp_path: Path) -> Iterator[Database]:
    """As that release has left it."""
    with new_database(kind, tmp_path / "state") as made:
        made.load(FOLDER / release / f"{kind}.sql")
        yield made


def schema_of(database: Database, kind: str) -> list[tuple[Any, ...]]:
    """Its tables; of SQLite's statements what they say, however they are quoted and in whichever order of columns."""
    rows = database.query(SCHEMA[kind])
    if kind == "postgresql":
        return [*rows, *database.query(CONSTRAINTS)]
    return [(*row[:3], sorted(re.findall(r"[()]|[^()\s,]+", str(row[3]).replace('"', "")))) for row in rows]


def assert_is_all_there(database: Database, facts: dict[str, Any]) -> None:
    """Its rows as that release knew them, and its history in the chain, which the first release didn't have."""
    seen, known = database.look(facts), dict(facts["seen"])
    known.pop("chain", None)
    entries, strays, _, *findings = seen.pop("chain")
    assert seen == known
    assert (entries, strays, findings) == (len(known["past"]), 0, [])


def test_the_first_release_is_kept() -> None:
    assert "0.1.0" in RELEASES
    assert all(Version(release) <= Version(__version__) for release in RELEASES)


def test_migrate_upgrades_it(database: Database, facts: dict[str, Any], kind: str, tmp_path: Path) -> None:
    database.manage("migrate", "--verbosity", "0")

    assert_is_all_there(database, facts)
    with new_database(kind, tmp_path / "new") as fresh:
        fresh.manage("migrate", "--verbosity", "0")
        assert schema_of(database, kind) == schema_of(fresh, kind)


def test_its_backup_is_restored(database: Database, facts: dict[str, Any], kind: str, tmp_path: Path) -> None:
    """As it is before `migrate`: the backup that one makes before an upgrade."""
    database.manage("backup", str(tmp_path / "backup"))

    other = KINDS[1 - KINDS.index(kind)]
    with new_database(other, tmp_path / "new") as new:
        new.manage("restore", str(tmp_path / "backup"))

        assert_is_all_there(new, facts)
        assert "Went on with 1 job, 1 mail among them" in new.manage("confirm_restore")
        assert new.manage("migrate", "--check", "--verbosity", "0") == ""


def test_it_goes_into_no_database_of_this_release(
    database: Database, facts: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    database.manage("backup", str(tmp_path / "backup"))
    with new_database(kind, tmp_path / "new") as new:
        new.manage("migrate", "--verbosity", "0")

        said = new.manage("restore", str(tmp_path / "backup"), status=1)

    assert "Restore into a database without tables" in said

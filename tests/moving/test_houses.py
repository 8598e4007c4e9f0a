"""From one database to another, of either kind, by the commands themselves: table, history and ways in are the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.moving.databases import ANOTHER_KEY, KINDS, Database, new_database

PASSPHRASE = "correct horse battery staple"
NUMBERS = "SELECT max(history_id) FROM routing_historicalmapping"


@dataclass(frozen=True)
class Former:
    """A house that somebody leaves: with a backup without keys, and one with them."""

    database: Database
    facts: dict[str, Any]
    plain: Path
    sealed: Path


@pytest.fixture(scope="module", params=KINDS)
def former(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Former]:
    folder = tmp_path_factory.mktemp("former")
    with new_database(request.param, folder / "state") as database:
        facts = database.settle()
        made = Former(database, facts, folder / "plain", folder / "sealed")
        database.manage("backup", str(made.plain))
        database.manage("backup", str(made.sealed), "--with-keys", passphrase=PASSPHRASE)
        yield made


@pytest.fixture(params=KINDS)
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def made(key: str) -> Database:
            return stack.enter_context(new_database(request.param, tmp_path / "state", key))

        yield made


def test_a_move_to_a_server_with_the_same_key(former: Former, new: Any) -> None:
    database: Database = new(former.database.key)

    said = database.manage("restore", str(former.plain))

    assert "manage.py confirm_restore" in said
    assert database.look(former.facts) == former.facts["seen"]
    assert "no worker of this machine has reported yet" in database.manage("check_table")
    added = database.manage("add_mapping", "docker.acme.com", "later", "ghcr.io/later")
    assert "added mapping" in added.lower()
    ((newest,),) = database.query("SELECT max(id) FROM routing_mapping")
    assert int(newest) > former.facts["removed_mapping"]


def test_a_move_to_a_server_with_another_key(former: Former, new: Any) -> None:
    database: Database = new(ANOTHER_KEY)

    refused = database.manage("restore", str(former.plain), status=1)
    database.manage("restore", str(former.sealed), passphrase=PASSPHRASE)

    assert "no key opens 2 second factors, 1 mails that wait of this backup" in refused
    assert database.look(former.facts) == former.facts["seen"]
    assert "0 second factors" not in database.manage("rotate_keys")


def test_what_was_refused_has_made_nothing(former: Former, new: Any) -> None:
    database: Database = new(former.database.key)
    cut_off = database.state / "cut off"
    cut_off.write_bytes(former.plain.read_bytes()[:-1])

    assert "cut off" in database.manage("restore", str(cut_off), status=1)

    assert not list(database.state.glob("*.sqlite3"))
    database.manage("restore", str(former.plain), "--dry-run")
    assert not list(database.state.glob("*.sqlite3"))


def test_the_former_house_is_as_it_was(former: Former) -> None:
    before = former.database.query(NUMBERS)

    said = former.database.manage("restore", str(former.plain), status=1)

    assert "the database is not empty" in said
    assert former.database.query(NUMBERS) == before
    assert former.database.look(former.facts) == former.facts["seen"]


def on_a_small_disk(folder: Path, size: str, first: str = "true", last: str = "true") -> tuple[str, ...]:
    """For `within`: a file system in memory, which root may mount in a namespace, and what is done before and after."""
    script = f'mount -t tmpfs -o size={size} tmpfs {folder} && {first} && {{ "$@"; status=$?; {last}; exit $status; }}'
    return ("unshare", "--mount", "sh", "-c", script, "sh")


@pytest.mark.e2e
def test_a_disk_that_is_full_leaves_no_backup(former: Former, tmp_path: Path) -> None:
    small, listed = tmp_path / "small", tmp_path / "listed"
    small.mkdir()

    limited = on_a_small_disk(small, "4k", last=f"ls -a {small} >{listed}")
    said = former.database.manage("backup", str(small / "backup"), status=1, within=limited)

    assert "no backup was made: No space left on device" in said
    assert listed.read_text().split() == [".", ".."]


@pytest.mark.e2e
@pytest.mark.parametrize("former", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_has_no_row_of_it(former: Former, tmp_path: Path) -> None:
    with new_database("sqlite", tmp_path / "state", former.database.key) as empty:
        empty.manage("migrate", "--verbosity", "0")
        small, kept = tmp_path / "small", tmp_path / "kept"
        small.mkdir()
        kept.mkdir()
        # Room for what SQLite keeps beside its file, and for a part of the rows.
        first = f"cp {empty.state}/facade.sqlite3 {small}/ && dd if=/dev/zero of={small}/ballast bs=4k >/dev/null 2>&1"
        first = f"{{ {first}; truncate -s -80K {small}/ballast; }}"
        limited = on_a_small_disk(small, "8m", first, f"cp {small}/facade* {kept}/")
        url = f"sqlite:///{small / 'facade.sqlite3'}"
        said = empty.manage("restore", str(former.plain), status=1, within=limited, DATABASE_URL=url)

    assert "the database has no space left: nothing was changed" in said
    with new_database("sqlite", tmp_path / "new", former.database.key) as new:
        shutil.copytree(kept, new.state, dirs_exist_ok=True)
        assert new.query("SELECT count(*) FROM routing_tenant") == [("0",)]
        new.manage("restore", str(former.plain))
        assert new.look(former.facts) == former.facts["seen"]

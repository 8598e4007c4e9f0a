"""SQLite's file, replaced, written over or deleted under a table that follows it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dataplane.following import facts_of


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of a follower in each way to put a database back."""
    folder = tmp_path_factory.mktemp("followed")
    database_url = f"sqlite:///{folder / 'facade.sqlite3'}"
    return facts_of("tests.dataplane.follow_sqlite", folder, database_url, FACADE_POLL_SECONDS="0.05")


@pytest.mark.parametrize("way", ["by_restore", "by_mv", "by_rm_and_cp", "by_cp_over_it"])
def test_a_file_that_is_put_back_is_loaded_whole_and_followed(found: dict[str, Any], way: str) -> None:
    assert found[way]["loads"] >= 1


def test_a_deleted_file_is_told_and_none_is_made_in_its_place(found: dict[str, Any]) -> None:
    assert found["deleted"]["told"]
    assert found["deleted"]["loads"] >= 1

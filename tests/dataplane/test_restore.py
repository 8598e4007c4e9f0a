"""PostgreSQL's database is restored in many transactions while a table follows it: no part of it is taken for all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dataplane.following import facts_of
from tests.e2e.postgresql import fresh_database, postgresql_server

BACKED_UP, LOST = "https://ghcr.io", "https://quay.io"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a follower made of each step of each way to restore."""
    folder = tmp_path_factory.mktemp("followed")
    with postgresql_server() as server, fresh_database(server) as url:
        return facts_of("tests.dataplane.follow_restore", folder, url)


def test_the_last_table_stays_until_all_rows_are_there(found: dict[str, Any]) -> None:
    *steps, last = found["whole"]["steps"]

    assert {origin for origin, _ in steps} == {LOST}
    assert [word for _, word in steps if word != "incomplete"] == ["not migrated"]
    assert last == [BACKED_UP, "ok"]


def test_what_was_loaded_from_a_part_is_found_at_once_though_no_check_is_due(found: dict[str, Any]) -> None:
    way = found["rows_alone"]

    assert ["", "ok"] in way["steps"]
    assert not way["was_due"]
    assert way["checked"]
    assert way["end"] == [BACKED_UP, "ok"]

"""The table of pulls is whole: one row for each combination, and nothing that can't be read."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from tests.pull_matrix import CLIENTS, ROWS, Access, Auth, Layers, Naming, read_rows, representatives


def test_every_combination_has_one_row() -> None:
    combinations = itertools.product(*map(get_args, (Auth, Layers, Naming, Access)))

    assert sorted(row[:4] for row in ROWS) == sorted(combinations)


@pytest.mark.parametrize(
    "line",
    [
        "oauth | inline | same | public | r r | r | r r r | r",
        "none | inline | same | public | r r | r | r r r",
        "none | inline | same | public | r r | r | r r r | x",
    ],
)
def test_a_row_that_can_not_be_read_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="this row has"):
        list(read_rows(line))


def test_the_rows_of_make_test_have_everything_that_a_pull_can_come_to() -> None:
    chosen = representatives(ROWS)

    assert {(row.auth, row.layers, row.access, row.outcomes) for row in chosen} == {
        (row.auth, row.layers, row.access, row.outcomes) for row in ROWS
    }
    for client in CLIENTS:
        assert {row.outcome(client) for row in chosen} == {row.outcome(client) for row in ROWS}
    assert {(row.naming, row.access) for row in chosen} == {(row.naming, row.access) for row in ROWS}
    assert len(chosen) < len(ROWS) / 2

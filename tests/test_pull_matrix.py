"""The table of pulls is whole: one row for each combination, and nothing that can't be read."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from tests.pull_matrix import ROWS, Access, Auth, Layers, Naming, read_rows


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

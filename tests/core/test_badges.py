"""What badges say of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.badges import short_number, told_pulls


@pytest.mark.parametrize(
    ("number", "short"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1999, "1.9k"), (12345, "12k"), (999_999, "999k"), (3_400_000, "3.4M")],
)
def test_short_numbers_are_never_more_than_there_were(number: int, short: str) -> None:
    assert short_number(number) == short


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_no_number_under_the_threshold_is_in_what_is_told(number: int, least: int) -> None:
    said = told_pulls(number, least)

    assert said.startswith("fewer than ") == (number < least)
    if number < least:
        assert said == told_pulls(0, least)

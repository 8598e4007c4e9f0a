"""Texts that are numbers, and those that only look like one."""

from __future__ import annotations

import pytest

from routing.core.grammar.numbers import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("9" * 10_000, None),
        ("", None),
        (" 7", None),
        ("-7", None),
        ("+7", None),
        ("1_0", None),
        ("7.0", None),
        ("²", None),
        ("٣", None),
        ("7\n", None),
    ],
)
def test_what_is_a_number(text: str, number: int | None) -> None:
    assert parse_number(text) == number


def test_the_most_digits_may_be_others() -> None:
    assert (parse_number("12345", 5), parse_number("123456", 5)) == (12345, None)

"""A mapping's word to those who pull: what can be sent, and how."""

from __future__ import annotations

import pytest

from routing.core.grammar.notices import MAX_NOTICE_LENGTH, InvalidNotice, parse_notice, warning_of


@pytest.mark.parametrize("text", ["", "moves to example.com on 1 March", "a" * MAX_NOTICE_LENGTH, "!#[]~ 100% 'x'"])
def test_what_can_be_sent_is_kept_as_it_is(text: str) -> None:
    assert parse_notice(f" {text} ") == text


@pytest.mark.parametrize(
    "text", ['say "hi"', "a\\b", "two\nlines", "caf\xe9", "\x1b[31m", "\x7f", "a" * (MAX_NOTICE_LENGTH + 1)]
)
def test_what_would_not_arrive_as_it_is_is_refused(text: str) -> None:
    with pytest.raises(InvalidNotice):
        parse_notice(text)


def test_it_is_sent_as_the_specification_says() -> None:
    assert warning_of("moves on 1 March") == '299 - "moves on 1 March"'

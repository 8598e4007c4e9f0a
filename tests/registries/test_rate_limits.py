"""What answers say of how often a registry may be asked."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from routing.registries.rate_limits import MAX_DELAY_SECONDS, SeenLimit, delay_seconds, seen_limit


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        # Docker Hub's.
        (
            {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
            SeenLimit(left=76, number=100, seconds=21600),
        ),
        ({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4987"}, SeenLimit(left=4987, number=5000)),
        ({"ratelimit-remaining": "3"}, SeenLimit(left=3)),
        ({"ratelimit-limit": "100, 100;w=10", "ratelimit-remaining": "7"}, SeenLimit(left=7, number=100, seconds=10)),
        ({"ratelimit-limit": "100;w=21600"}, None),
        ({"ratelimit-remaining": "many"}, None),
        ({"ratelimit-remaining": "99999999999999999999"}, None),
        ({"retry-after": "5"}, None),
        ({}, None),
    ],
)
def test_the_answer_says_what_is_left(headers: dict[str, str], limit: SeenLimit | None) -> None:
    assert seen_limit(200, headers) == limit


def test_a_refusal_says_how_long_to_wait() -> None:
    assert seen_limit(429, {"retry-after": "30"}) == SeenLimit(is_refused=True, wait_seconds=30)
    assert seen_limit(429, {}) == SeenLimit(is_refused=True)
    assert seen_limit(503, {"retry-after": "30"}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), (" 120 ", 120), ("9" * 900, MAX_DELAY_SECONDS), ("soon", None), ("", None), ("-1", None)],
)
def test_a_delay_is_bounded(text: str, seconds: int | None) -> None:
    assert delay_seconds(text) == seconds


def test_a_delay_may_be_a_date() -> None:
    assert 80 <= (delay_seconds(formatdate(time.time() + 90, usegmt=True)) or 0) <= 91
    assert delay_seconds(formatdate(time.time() - 90, usegmt=True)) == 1


def test_a_later_answer_goes_before_and_a_refusal_stays() -> None:
    refused = SeenLimit(is_refused=True, wait_seconds=30)

    assert refused.joined(SeenLimit(left=3, number=10)) == SeenLimit(3, 10, 0, True, 30)
    assert SeenLimit(left=3, number=10).joined(None) == SeenLimit(left=3, number=10)
    assert SeenLimit(left=3).joined(SeenLimit(left=2)) == SeenLimit(left=2)

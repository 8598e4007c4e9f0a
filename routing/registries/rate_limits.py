"""What a registry's answer says about how often it may be asked.

`RateLimit-Limit` and `RateLimit-Remaining` (IETF httpapi draft; Docker Hub: `100;w=21600`), the same with `X-` before,
and `Retry-After` (RFC 9110 §10.2.3) beside a 429 (RFC 6585 §4).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from routing.core.grammar.numbers import parse_number

_NUMBER = re.compile(r"\s*(\d{1,9})(?!\d)")
_WINDOW = re.compile(r";\s*w=(\d{1,7})(?!\d)")
_MAX_DELAY_DIGITS = 1000
#: Nobody is told to wait for longer: what asks for more is most likely a mistake.
MAX_DELAY_SECONDS = 7 * 86_400


class SeenLimit(NamedTuple):
    """What an answer said. None: it did not say so; `number` and `seconds` 0: unknown.

    `left`: so many more requests, of `number` in `seconds`. `is_refused`: it refused this one for there being too many,
    and asked to wait for `wait_seconds`.
    """

    left: int | None = None
    number: int = 0
    seconds: int = 0
    is_refused: bool = False
    wait_seconds: int | None = None

    def joined(self, later: SeenLimit | None) -> SeenLimit:
        """With what a later answer of the same registry said."""
        if later is None:
            return self
        said = later if later.left is not None else self
        refused = later if later.is_refused else self
        return SeenLimit(said.left, said.number, said.seconds, refused.is_refused, refused.wait_seconds)


def seen_limit(status: int, headers: Mapping[str, str]) -> SeenLimit | None:
    """What an answer with these header fields (names in lower case) says; None where it says nothing of limits."""
    left, told = _number(headers, "remaining"), _value(headers, "limit")
    number = _NUMBER.match(told)
    window = _WINDOW.search(told) or _WINDOW.search(_value(headers, "remaining"))
    is_refused = status == 429
    if left is None and not is_refused:
        return None
    return SeenLimit(
        left,
        int(number[1]) if number else 0,
        int(window[1]) if window else 0,
        is_refused,
        delay_seconds(headers.get("retry-after", "")) if is_refused else None,
    )


def delay_seconds(text: str) -> int | None:
    """What a `Retry-After` asks for, in seconds from now; None where it can't be read."""
    if (seconds := parse_number(text.strip(), _MAX_DELAY_DIGITS)) is not None:
        return min(seconds, MAX_DELAY_SECONDS)
    try:
        at = parsedate_to_datetime(text)
        return max(1, min(round(at.timestamp() - time.time()), MAX_DELAY_SECONDS))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _value(headers: Mapping[str, str], what: str) -> str:
    return headers.get(f"ratelimit-{what}", "") or headers.get(f"x-ratelimit-{what}", "")


def _number(headers: Mapping[str, str], what: str) -> int | None:
    found = _NUMBER.match(_value(headers, what))
    return int(found[1]) if found else None

"""JSON of strangers, read into what any database can hold."""

import json
from typing import Any


class NotPlain(ValueError):
    """No object of JSON, or one with values that databases refuse. The text says nothing of the content."""


def parse_object(content: bytes | str) -> dict[str, Any]:
    """The object. Raises NotPlain for anything else: deep nesting, NaN, infinite numbers, NUL, halves of characters."""
    try:
        found = json.loads(content if isinstance(content, str) else content.decode("utf-8"), parse_constant=_refuse)
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise NotPlain("no readable JSON") from error
    if not isinstance(found, dict):
        raise NotPlain("no JSON object")
    if "\\u0000" in text:
        raise NotPlain("a NUL character")
    return found


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not valid JSON")

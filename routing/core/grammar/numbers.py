"""Whole numbers as people, addresses and registries write them."""

#: No row's id has more digits, and neither Python nor a database takes any number of them.
MAX_DIGITS = 18


def parse_number(text: str, max_digits: int = MAX_DIGITS) -> int | None:
    """The number that a text is, of ASCII digits alone; None for any other text, and for one of more digits.

    Python's own `isdigit` takes `²` for a digit, which `int` then refuses.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= max_digits else None

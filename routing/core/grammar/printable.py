"""Text that others wrote, fit for a terminal, a page and a log.

A terminal obeys escape sequences (ECMA-48), a line break makes a log line of its own, and overrides of direction
(UAX #9) show a text as another one. None of them is needed to say what is wrong.
"""

import re

# CSI sequences: without their first character they would stay as `[31m`. Also in the form of one character (C1).
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]")
_BLANKS = frozenset("\t\n\v\f\r\x85\xa0\u2028\u2029\u3000")


def printable(text: str) -> str:
    """The text without control characters (C0, C1, formats and directions); line breaks and tabs become blanks."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char in _BLANKS else "" for char in _SEQUENCE.sub("", text))


def printable_header(value: str) -> str:
    """The same of a header's value: latin-1 text, as it came, whose bytes most who write beyond ASCII mean as UTF-8."""
    if value.isascii() and value.isprintable():
        return value
    text = value.encode("latin-1", "replace").decode("utf-8", "replace")
    return printable(text).encode().decode("latin-1")

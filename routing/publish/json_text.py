"""A text as the inside of a JSON string, in characters that mean nothing to any engine.

Letters, digits, blanks and the few marks below stand for themselves; everything else, quotes, braces and `$` with it,
is written as its code (RFC 8259 §7). The backslash of those codes is the one character that an engine has to quote.
"""

import json
import re

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .,:/_@+=()-]")


def json_text(text: str) -> str:
    """The text, escaped: `json.loads` of it in quotation marks gives the text."""
    return _NOT_PLAIN.sub(_code, text)


def encoded_length(text: str) -> int:
    """How many characters that makes."""
    return len(json_text(text))


def _code(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index]:02x}{units[index + 1]:02x}" for index in range(0, len(units), 2))


def error_body(code: str, message: str) -> str:
    """The body of an error in the OCI format, of a message that is escaped already or that names variables."""
    return json.dumps({"errors": [{"code": code, "message": "\0", "detail": None}]}).replace("\\u0000", message)

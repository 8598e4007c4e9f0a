"""From a request to its bytes (RFC 9112 §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

HeaderItems = Sequence[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Everything but control characters; the tab is white space.
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def encode_request(method: str, target: str, fields: HeaderItems, content: bytes | None) -> bytes:
    """The bytes of a request: head and, where there is one, body with its length.

    `target` has been read by `parse_registry_url`, which leaves nothing but printable ASCII. Raises `ValueError` for a
    method or header that would end a line early or cannot be sent.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in fields:
        if not (_is_token(name) if len(name) <= _MAX_KNOWN_NAME else _TOKEN.fullmatch(name)):
            raise ValueError("the name of a header field holds what no such name may hold")
        lines.append(f"{name}: {value}")
    # All values at once: it is the characters that count, not where a value ends.
    if not _VALUE.fullmatch("".join([value for _, value in fields])):
        raise ValueError("a header field holds what no header field may hold")
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    lines.append("\r\n")
    head = "\r\n".join(lines).encode("latin-1")
    return head + content if content else head


# The names that are sent are the same few again and again.
_MAX_KNOWN_NAME = 40


@lru_cache(maxsize=256)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None

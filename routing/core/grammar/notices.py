"""A mapping's word to those who pull: one line of plain text that clients print.

Source: OCI distribution spec, "Warnings": `Warning: 299 - "text"` (RFC 7234 §5.5), printable ASCII, without a date. All
warnings of an answer have 4096 bytes at most, of which a registry may use some.
"""

import re

MAX_NOTICE_LENGTH = 300
# What a quoted-string holds without escaping (RFC 9110 §5.6.4); clients don't undo escapes.
_NOTICE = re.compile(r"[ !#-\[\]-~]+")


class InvalidNotice(ValueError):
    """Text that can't be sent; the message says why."""


def parse_notice(text: str) -> str:
    """The notice as it is kept, "" for none. Raises InvalidNotice."""
    notice = text.strip()
    if len(notice) > MAX_NOTICE_LENGTH:
        raise InvalidNotice(f"a notice has {MAX_NOTICE_LENGTH} characters at most")
    if notice and not _NOTICE.fullmatch(notice):
        raise InvalidNotice('a notice is one line of plain ASCII, without " and \\: clients print it as it is')
    return notice


def warning_of(notice: str) -> str:
    """The value of the `Warning` field that tells it."""
    return f'299 - "{notice}"'

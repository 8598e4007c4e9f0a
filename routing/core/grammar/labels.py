"""Labels: short words, or `key=value`, by which people find rows. No request is answered by one.

As Docker has them (`docker run --label`, `docker ps --filter label=…`): a key stands once, and a key alone finds every
value. In lower case, so that SQLite and PostgreSQL find the same. They are kept as one text: in order, with a space
between.
"""

import re
from collections.abc import Iterable

MAX_LABELS = 20
MAX_LABEL_LENGTH = 63
#: Of all labels of a row, as they are kept.
MAX_PACKED_LENGTH = MAX_LABELS * (MAX_LABEL_LENGTH + 1)
_PART = "[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_LABEL = re.compile(f"{_PART}(?:={_PART})?")
_BETWEEN = re.compile(r"[\s,]+")
_QUOTED = 80


class InvalidLabel(ValueError):
    """A text that is no label, or labels that can't stand together; the message says why."""


def parse_label(text: str) -> str:
    """One label, as it is kept. Raises InvalidLabel."""
    label = text.strip()
    if len(label) > MAX_LABEL_LENGTH:
        raise InvalidLabel(f"a label has {MAX_LABEL_LENGTH} characters at most: “{label[:_QUOTED]}” has {len(label)}")
    if not _LABEL.fullmatch(label):
        raise InvalidLabel(
            f"“{label}” is no label: give a word, such as legacy, or a key and its value, such as team=web, in "
            "lower-case letters, digits and . _ - between them"
        )
    return label


def pack_labels(given: str | Iterable[str]) -> str:
    """Labels as a row keeps them, "" for none; a text holds them with spaces or commas between. Raises InvalidLabel.

    What is said twice is said once.
    """
    texts = [text for text in _BETWEEN.split(given) if text] if isinstance(given, str) else given
    by_key: dict[str, str] = {}
    for label in map(parse_label, texts):
        former = by_key.setdefault(key_of(label), label)
        if former != label:
            raise InvalidLabel(f"{key_of(label)} stands here twice, as {former} and as {label}: a key has one value")
        if len(by_key) > MAX_LABELS:
            raise InvalidLabel(f"a row has {MAX_LABELS} labels at most")
    return " ".join(sorted(by_key.values()))


def unpack_labels(packed: str) -> list[str]:
    """The labels of a row."""
    return packed.split()


def key_of(label: str) -> str:
    """What stands before the =; all of a label that has none."""
    return label.partition("=")[0]


def is_found_by(label: str, wanted: str) -> bool:
    """Whether who asks for `wanted` finds this label: a key alone finds every value."""
    return wanted in (label, key_of(label))


def relabelled(packed: str, add: Iterable[str], remove: Iterable[str]) -> str:
    """A row's labels after some are removed and others added, each in place of what its key had.

    Raises InvalidLabel for too many.
    """
    gone, new = list(remove), list(add)
    keys = {key_of(label) for label in new}
    kept = [
        label
        for label in unpack_labels(packed)
        if key_of(label) not in keys and not any(is_found_by(label, each) for each in gone)
    ]
    return pack_labels([*kept, *new])

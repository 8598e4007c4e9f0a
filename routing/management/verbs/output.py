"""What a verb prints: sentences for people, or one JSON document for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import chain, islice
from textwrap import indent
from typing import Any, NamedTuple, Protocol

from routing.services.base.dry_run import is_dry_run

Facts = dict[str, Any]
# Widths are measured by so many rows: lists are printed while they are read.
_MEASURED = 200


class Stream(Protocol):
    """Django's wrapper of standard output."""

    def write(self, text: str, *, ending: str | None = None) -> Any: ...


class Column(NamedTuple):
    """A column of a list: its heading, and its text for a row."""

    heading: str
    text: Callable[[Facts], str]


class Output:
    """Standard output, and standard error `aside`. It prints for people or for programs, never for both."""

    def __init__(self, stream: Stream, aside: Stream, *, as_json: bool) -> None:
        self._stream, self._aside, self.as_json = stream, aside, as_json
        self._facts: Facts | None = None

    def line(self, text: str = "") -> None:
        """A line for people."""
        if not self.as_json:
            self._stream.write(text)

    def labelled(self, facts: Iterable[tuple[str, str]]) -> None:
        """Lines of a label and a text, for people. Those without a text are left out."""
        known = [(label, text) for label, text in facts if text]
        width = max((len(label) for label, _ in known), default=0) + 1
        for label, text in known:
            self.line(f"{f'{label}:':<{width}} {text}")

    def facts(self, **facts: Any) -> None:
        """Members of the document for programs."""
        self._facts = {**(self._facts or {}), **facts}

    def done(self, *lines: str, **facts: Any) -> None:
        """What a change did, a line each, as in “added mapping …”."""
        self._say_if_dry()
        for text in lines:
            self.line(text[:1].upper() + text[1:])
        self.facts(changed=True, dry_run=is_dry_run(), done=list(lines), **facts)

    def unchanged(self, text: str, **facts: Any) -> None:
        """Why there was nothing to change."""
        self._say_if_dry()
        self.line(text)
        self.facts(changed=False, dry_run=is_dry_run(), done=[], **facts)

    def _say_if_dry(self) -> None:
        if is_dry_run():
            self.line("Dry run: nothing is changed. Without --dry-run:")

    def table(self, rows: Iterable[Facts], columns: list[Column], none: str) -> None:
        """A list: a line for each row below a line of headings, or a JSON list. `none` is said of an empty one."""
        if self.as_json:
            self.json_list(rows)
            return
        texts = ([column.text(row) for column in columns] for row in rows)
        first = list(islice(texts, _MEASURED))
        if not first:
            self.line(none)
            return
        headings = [column.heading for column in columns]
        widths = [max(map(len, column)) for column in zip(headings, *first, strict=True)]
        for row in chain([headings], first, texts):
            padded = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
            self.line("  ".join(padded).rstrip())

    def json_list(self, rows: Iterable[Facts]) -> None:
        """As `json.dumps` writes a list, but one entry at a time."""
        before = "[\n"
        for row in rows:
            self._stream.write(before + indent(_dumped(row), "  "), ending="")
            before = ",\n"
        self._stream.write("[]" if before == "[\n" else "\n]")

    def document(self, pieces: Iterable[str]) -> None:
        """A document that is JSON for everybody, as it comes."""
        for piece in pieces:
            self._stream.write(piece, ending="")

    def aside(self, text: str) -> None:
        """A line for people that is no part of what is printed: on standard error."""
        self._aside.write(text)

    def close(self) -> None:
        """Print the document, where there is one."""
        if self.as_json and self._facts is not None:
            self._stream.write(_dumped(self._facts))

    def confirms(self, question: str) -> bool:
        """Ask a person at a terminal; nobody else is there to ask."""
        return self.has_person and _is_terminal(sys.stdout) and self.asked(f"{question} [y/N] ").lower() in ("y", "yes")

    @property
    def has_person(self) -> bool:
        """Whether somebody types at a terminal, so that they can be asked."""
        return not self.as_json and _is_terminal(sys.stdin)

    @staticmethod
    def asked(question: str) -> str:
        """What they type; "" where they leave by Ctrl-D or Ctrl-C. It asks on standard error, past a pipe."""
        sys.stderr.write(question)
        sys.stderr.flush()
        try:
            return input().strip()
        except (EOFError, KeyboardInterrupt):
            # The next line of output begins anew.
            sys.stderr.write("\n")
            return ""


def _dumped(facts: Facts) -> str:
    return json.dumps(facts, indent=2, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()


def moment(at: datetime | None) -> str:
    """A point of time, for people; "" for none."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def yes(value: bool) -> str:
    """A truth, for people."""
    return "yes" if value else "no"


def as_facts(rows: Iterable[Any], facts_of: Callable[[Any], Facts]) -> Iterator[Facts]:
    """The rows as a list's facts, while they are read."""
    return (facts_of(row) for row in rows)

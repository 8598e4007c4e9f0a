"""Reads a table of mappings, whatever was sent as one: from bytes to lines, without a look at the database.

Files come from spreadsheets, scripts and strangers. What is wrong with all of a file refuses it; what is wrong with a
line is told with its number, and the rest is read.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from routing.core.grammar.labels import MAX_PACKED_LENGTH
from routing.models import Mapping
from routing.services.base.csv_text import text_of_cell
from routing.services.base.errors import ServiceError
from routing.services.base.labels import packed_labels
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.csv_export import COLUMNS, NO_LABELS
from routing.services.mappings.mappings import parse_prefix
from routing.services.registries.targets import Target, parse_target

#: An export of some hundred thousand mappings. By the API and in the admin a request's body ends earlier.
MAX_BYTES = 16 * 1024 * 1024
MAX_LINES = 200_000
_BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = (",", ";", "\t")
_QUOTED = 40


class CsvLine(NamedTuple):
    """A line that was read. `number`: where it begins; `wrong`: what is wrong with it, and then the rest is empty.

    `target` None and options that are missing: nothing was said of these. `target_text` is as it was written, and so is
    `standby`, "" where nothing was said of one.
    """

    number: int
    hostname: str = ""
    prefix: str = ""
    target: Target | None = None
    target_text: str = ""
    options: dict[str, Any] = {}
    standby: str = ""
    wrong: str = ""

    @property
    def source(self) -> str:
        """What people pull from."""
        return f"{self.hostname}/{self.prefix}" if self.prefix else self.hostname


def read_csv(content: bytes | str) -> Iterator[CsvLine]:
    """The lines of a table, one after the other. Raises ServiceError for what is no such table as a whole."""
    text = _decoded(content)
    records = _records(text)
    first = next(records, None)
    if first is None:
        raise _refusal("the table is empty: its first line holds the headings, such as hostname,prefix,target")
    headings = _headings(first[1])
    for count, (number, cells) in enumerate(records):
        if count >= MAX_LINES:
            raise _refusal(f"the table has more than {MAX_LINES:,} lines: split it")
        yield _line(number, headings, cells)


def _refusal(message: str) -> ServiceError:
    return ServiceError.for_field("csv", message)


def _decoded(content: bytes | str) -> str:
    if len(content) > MAX_BYTES:
        raise _refusal(f"the table has more than {MAX_BYTES // 1024 // 1024} MiB: split it")
    if isinstance(content, bytes):
        if content.startswith(_UTF_16):
            raise _refusal("the file is UTF-16: save it as UTF-8, which spreadsheets call “CSV UTF-8”")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            said = f"line {line} is not UTF-8, perhaps Latin-1: save the file as “CSV UTF-8”"
            raise _refusal(said) from error
    else:
        text = content
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise _refusal(f"line {line} has a NUL character, as UTF-16 and binary files have: save it as “CSV UTF-8”")
    return text.removeprefix("\ufeff")


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """The records, each with the number of the line in which it begins. Empty lines are left out."""
    first, _, _ = text.lstrip("\r\n").partition("\n")
    delimiter = max(_DELIMITERS, key=first.count)
    # All line ends that spreadsheets write, and none within a field, where they are part of it.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _refusal(f"line {begins}: {_in_words(error)}") from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield begins, cells


def _in_words(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end of data" in said or "field larger" in said:
        return "a quote is opened here and not closed, or a field is far too long"
    return f"this is not CSV: {said}"


def _headings(cells: list[str]) -> list[str]:
    headings = [cell.strip().lower() for cell in cells]
    while headings and not headings[-1]:
        # Spreadsheets write columns that were emptied.
        headings.pop()
    known = f"known are {', '.join(COLUMNS)}"
    for place, name in enumerate(headings):
        if name not in COLUMNS:
            raise _refusal(f"there is no column “{_short(name)}”; {known}")
        if name in headings[:place]:
            raise _refusal(f"the column “{name}” is there twice")
    for name in COLUMNS[:2]:
        if name not in headings:
            raise _refusal(f"the first line names no column “{name}”: it holds the headings; {known}")
    return headings


def _line(number: int, headings: list[str], cells: list[str]) -> CsvLine:
    given = len(cells)
    if given < len(headings) or any(cell.strip() for cell in cells[len(headings) :]):
        said = f"it has another number of fields ({given}) than the line of headings ({len(headings)})"
        return CsvLine(number, wrong=said)
    fields = {name: text_of_cell(cell.strip()) for name, cell in zip(headings, cells, strict=False)}
    try:
        hostname, prefix = (
            parse_hostname(_bounded(fields.pop("hostname"))),
            parse_prefix(_bounded(fields.pop("prefix"))),
        )
        target = _bounded(fields.pop("target", ""))
        standby = _bounded(fields.pop("standby", ""))
        options = dict(_option(name, value) for name, value in fields.items() if value)
        parsed = parse_target(target) if target else None
        return CsvLine(number, hostname, prefix, parsed, target, options, standby)
    except ServiceError as refusal:
        return CsvLine(number, wrong=refusal.message)


def _option(name: str, value: str) -> tuple[str, Any]:
    if name == "labels":
        return name, "" if value == NO_LABELS else packed_labels(_bounded(value, 2 * MAX_PACKED_LENGTH))
    if name == "delivery":
        if value not in Mapping.Delivery.values:
            raise ServiceError(f"delivery is one of {', '.join(Mapping.Delivery.values)}, not “{_short(value)}”")
        return name, value
    if value.lower() not in _BOOLEANS:
        raise ServiceError(f"{name} is yes or no, not “{_short(value)}”")
    return name, _BOOLEANS[value.lower()]


def _bounded(text: str, most: int = 1_000) -> str:
    """A text that may be a name, so that what is said of it stays short. Raises ServiceError."""
    if len(text) > most:
        raise ServiceError(f"“{_short(text)}” is no name: it has {len(text):,} characters")
    return text


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"

"""Mappings as a table for spreadsheets, which an import reads back."""

import csv
import io
from collections.abc import Iterable, Iterator

from routing.models import Mapping
from routing.services.base.csv_text import text_cell

#: The columns, in their order. An import takes them in any, and needs the first two alone.
COLUMNS = ("hostname", "prefix", "target", "enabled", "private", "allow_push", "delivery", "standby", "labels")
#: Those that an import may change.
OPTIONS = ("enabled", "private", "allow_push", "delivery")
#: What the column of labels says where an import is to take all away: an empty field says nothing.
NO_LABELS = "-"


def csv_of_mappings(mappings: Iterable[Mapping]) -> Iterator[str]:
    """The table's lines, the headings first. The mappings come with their hostname and registries."""
    yield line_of(COLUMNS)
    for mapping in mappings:
        options = options_in_words(mapping).values()
        place = (mapping.hostname.name, mapping.prefix, mapping.target)
        yield line_of([*place, *options, mapping.standby_target, mapping.labels])


def line_of(texts: Iterable[str]) -> str:
    """A line of such a table."""
    written = io.StringIO()
    csv.writer(written).writerow([text_cell(text) for text in texts])
    return written.getvalue()


def options_in_words(mapping: Mapping) -> dict[str, str]:
    """What the columns of `OPTIONS` say of a mapping."""
    switches = {name: "yes" if getattr(mapping, name) else "no" for name in ("enabled", "private", "allow_push")}
    return {**switches, "delivery": mapping.delivery}

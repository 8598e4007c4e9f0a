"""JSON documents that are written piece by piece, so that a tenant of any size fits into any memory."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

#: Grows when what a document holds changes in a way that a reader has to know.
VERSION = 1
_ROWS_AT_A_TIME = 1_000


def document(kind: str, parts: Mapping[str, Any]) -> Iterator[str]:
    """The text of an object: what it is, and then its parts. Those that can be iterated become lists, row by row."""
    head = {"format": f"registry-facade-{kind}", "version": VERSION, "exported_at": timezone.now()}
    yield "{"
    before = "\n  "
    for name, value in {**head, **parts}.items():
        yield f"{before}{json.dumps(name)}: "
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield _text(value)
        before = ",\n  "
    yield "\n}\n"


def rows_of(rows: Any, *columns: str, **renamed: str) -> Iterator[dict[str, Any]]:
    """The columns of a query's rows, by their own names or, where `renamed`, by another; in the order of their keys.

    A page at a time, and by keys: no transaction stays open for whoever reads slowly.
    """
    names = [*columns, *renamed]
    in_order = rows.order_by("pk").values_list("pk", *columns, *renamed.values())
    page = list(in_order[:_ROWS_AT_A_TIME])
    while page:
        for _, *values in page:
            yield dict(zip(names, values, strict=True))
        page = list(in_order.filter(pk__gt=page[-1][0])[:_ROWS_AT_A_TIME])


def _list(rows: Iterable[Any]) -> Iterator[str]:
    yield "["
    before = "\n    "
    for row in rows:
        yield before + _text(row)
        before = ",\n    "
    yield "]" if before == "\n    " else "\n  ]"


def _text(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)

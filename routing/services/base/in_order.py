"""Rows in an order, a page at a time: there may be many, and whoever reads may be slow.

By keys and not by a cursor: no transaction stays open meanwhile, and a pooler of connections has nothing to keep.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
_PAGE_ROWS = 1000


def rows_in_order(rows: "QuerySet[Row]", field: str) -> Iterator[Row]:
    """The rows by `field`, such as `tenant__slug`, and then by key, each once. It may hold no null."""
    rows = rows.order_by(field, "pk")
    value_of, after = attrgetter(field.replace("__", ".")), Q()
    while page := list(rows.filter(after)[:_PAGE_ROWS]):
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        last, value = page[-1], value_of(page[-1])
        # The first condition says nothing more, but an index begins there.
        after = Q(**{f"{field}__gte": value}) & (Q(**{f"{field}__gt": value}) | Q(pk__gt=last.pk))

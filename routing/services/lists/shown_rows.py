"""The rows that a list shows on all its pages, read in parts: there may be many, and whoever reads may be slow.

By keys and not by a cursor: no transaction stays open meanwhile, and a pooler of connections has nothing to keep.
Unlike `rows_in_order` it takes any order: the keys are read beforehand, at once.
"""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

from routing.services.base.errors import ServiceError

Row = TypeVar("Row", bound=Model)
#: Of a table for spreadsheets, which is written while the rows are read.
MAX_ROWS_OF_A_TABLE = 200_000
#: Of a document, which is put together in memory.
MAX_ROWS_OF_A_DOCUMENT = 20_000
#: Of a list at the command line, of which the keys are kept.
MAX_ROWS_OF_A_LIST = 5_000_000
_PAGE_ROWS = 1000


def shown_rows(rows: "QuerySet[Row]", most: int) -> Iterator[Row]:
    """The rows in their order, each once; those that are removed meanwhile are left out.

    Raises ServiceError where there are more than `most`, before anything is read of them.
    """
    keys = list(rows.values_list("pk", flat=True)[: most + 1])
    if len(keys) > most:
        noun = rows.model._meta.verbose_name_plural
        raise ServiceError(f"these are more than {most:,} {noun}: narrow the list by a filter or a search")
    return _pages(rows.order_by(), keys)


def _pages(rows: "QuerySet[Row]", keys: list[int]) -> Iterator[Row]:
    for first in range(0, len(keys), _PAGE_ROWS):
        page = keys[first : first + _PAGE_ROWS]
        found = {row.pk: row for row in rows.filter(pk__in=page)}
        yield from (found[key] for key in page if key in found)

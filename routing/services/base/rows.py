"""A row that was named by its key, or the sentence that it is gone."""

from collections.abc import Collection
from typing import TypeVar

from django.db.models import Model, QuerySet

from routing.services.base.errors import NotFound

Row = TypeVar("Row", bound=Model)


def get_row(rows: "QuerySet[Row]", pk: int) -> Row:
    """The one of `rows` with that key. Raises NotFound, in the same words whether it never was or isn't the actor's."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"this {rows.model._meta.verbose_name} is gone")
    return found


def get_rows(rows: "QuerySet[Row]", pks: Collection[int]) -> list[Row]:
    """Those of `rows` with these keys: all of them. Raises NotFound."""
    found = list(rows.filter(pk__in=pks))
    if len(found) < len(set(pks)):
        names = rows.model._meta
        which = f"this {names.verbose_name}" if len(set(pks)) == 1 else f"one of these {names.verbose_name_plural}"
        raise NotFound(f"{which} is gone")
    return found

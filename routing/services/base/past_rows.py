"""Rows of the history that belong to others: what was before each, and the last of what is gone."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Max, OuterRef, Subquery


def rows_before(model: Any, rows: Sequence[Any]) -> dict[int, Any]:
    """For each past row, by its history id, the one before it."""
    earlier = model.history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id")).order_by("-history_id")
    pairs = dict(
        model.history.filter(history_id__in=[row.history_id for row in rows])
        .annotate(before=Subquery(earlier.values("history_id")[:1]))
        .values_list("history_id", "before")
    )
    found = {row.history_id: row for row in model.history.filter(history_id__in=filter(None, pairs.values()))}
    return {newer: found[older] for newer, older in pairs.items() if older in found}


def last_rows(model: Any, ids: Collection[int]) -> dict[int, Any]:
    """The newest past row of each id."""
    newest = model.history.filter(id__in=ids).order_by().values("id").annotate(newest=Max("history_id"))
    return {row.id: row for row in model.history.filter(history_id__in=newest.values("newest"))}

"""Rows of the history: what was before each, what a change is called, and the last row of what is gone."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db.models import Max, OuterRef, Subquery


class Change(NamedTuple):
    """What a change is called: in a word that can be scanned for, and in words that stand before the row's name."""

    word: str
    phrase: str


# What a change of these columns is called; the first that fits.
_NAMED = (
    (("registry_id", "upstream_prefix"), Change("repointed", "repointed")),
    (("origin",), Change("moved", "moved")),
    (("account_set_at",), Change("account", "changed the account of")),
    (("role",), Change("role changed", "changed the role of")),
    (("name", "slug"), Change("renamed", "renamed")),
)
# Of what is so or isn't: when it isn't any more, and when it is now.
_STATES = {
    "suspended": ("resumed", "suspended"),
    "withdrawn_at": ("verified", "withdrawn"),
    "enabled": ("disabled", "enabled"),
}
_LABELLED = Change("labelled", "changed the labels of")
_OPTIONS = Change("options", "changed options of")
_KINDS = {"+": "added", "~": "changed", "-": "removed"}


def kind_of(row: Any) -> str:
    """Whether a past row was added, changed or removed."""
    return _KINDS[row.history_type]


def change_of(row: Any, before: Any) -> Change:
    """What was done to a past row, by the one before it; where that is gone, or nothing was changed, its kind alone."""
    if row.history_type != "~" or before is None:
        return Change(kind_of(row), kind_of(row))

    def differs(column: str) -> bool:
        return bool(getattr(row, column, None) != getattr(before, column, None))

    for columns, change in _NAMED:
        if any(differs(column) for column in columns):
            return change
    for column, words in _STATES.items():
        if differs(column):
            word = words[bool(getattr(row, column))]
            return Change(word, word)
    return _LABELLED if differs("labels") else _OPTIONS


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

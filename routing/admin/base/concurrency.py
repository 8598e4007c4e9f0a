"""What happened to a row since a page showed it."""

from typing import Any, NamedTuple

from routing.models.versioned import VersionedModel
from routing.services.base.rules import fixed_columns


class ChangeSince(NamedTuple):
    """`before`: the past row that the page showed, where the history has it. `actor`: who changed the row last."""

    before: Any
    actor: str


def change_since(row: VersionedModel, version: int) -> ChangeSince:
    """Look the row up in its history."""
    history: Any = getattr(row, "history", None)
    if history is None:
        return ChangeSince(None, "unknown")
    # Notes of what a probe found count as versions, and leave no past row.
    before = history.filter(version__lte=version).order_by("-history_id").first()
    last = history.order_by("-history_id").first()
    return ChangeSince(before, (last and last.actor) or "unknown")


def is_as_shown(row: VersionedModel, version: int) -> bool:
    """Whether nobody has changed anything of a row since that version; what was found out about it doesn't count."""
    if version == row.version:
        return True
    said = {field.attname for field in row._meta.concrete_fields if field.editable} - {"id"}
    said -= fixed_columns(type(row))
    if not said:
        return True
    before = change_since(row, version).before
    return before is not None and all(getattr(before, name) == getattr(row, name) for name in said)

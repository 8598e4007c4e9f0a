"""The change log as a follower reads it: what is the newest, and what has changed since its own state.

A database can go back in time: an asynchronous standby takes over, a backup is put back. It then counts on from an
earlier generation, with other changes. So a follower reads its own change once more along with those that follow, and
goes on only where that is the very one that it has applied.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from routing.core.table.routing_table import Change as TableChange
from routing.core.table.routing_table import State
from routing.database.failures import IncompleteDatabase
from routing.models.change import Change, Generation

# Changes are read so many at a time. More than this, and than a part of the mappings, are slower to apply one by one
# than to load all anew.
MAX_CHANGES = 20_000
_PART = 10


class LoadReason(StrEnum):
    """Why a whole table is loaded, rather than the changes since."""

    FIRST = "first"
    ANOTHER_HISTORY = "another-history"
    FILE_REPLACED = "file-replaced"
    GAP = "gap"
    MANY_CHANGES = "many-changes"
    UNKNOWN_CHANGE = "unknown-change"
    DIFFERS = "differs"

    @property
    def leaves_an_old_table(self) -> bool:
        """Whether what there is was right, and is so still but for the changes since. Otherwise it may be wrong."""
        return self in (LoadReason.MANY_CHANGES, LoadReason.UNKNOWN_CHANGE)


class DoesNotFit(Exception):
    """The log does not lead on from the follower's state; `reason` says how."""

    def __init__(self, reason: LoadReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LoggedChange(NamedTuple):
    """A change, and when it was written."""

    change: TableChange
    at: datetime


def newest_state() -> State:
    """The state of the database, in one query whatever the table's size.

    Raises IncompleteDatabase where it has none, which migrations give to each, and another django.db.DatabaseError.
    """
    newest = Change.objects.filter(generation=OuterRef("value")).values("nonce")
    row = Generation.objects.filter(pk=1).values_list("value", Subquery(newest)).first()
    if row is None:
        raise IncompleteDatabase("it has no generation")
    return State(*row)


def leads_on(known: State, newest: State) -> bool:
    """Whether the database, at `newest`, is what it was at `known`, but for changes since.

    Raises django.db.DatabaseError.
    """
    if known == newest or not known.generation:
        return True
    return (
        known.nonce is not None
        and known.generation < newest.generation
        and Change.objects.filter(generation=known.generation, nonce=known.nonce).exists()
    )


def changes_since(known: State, mappings: int = 0) -> Sequence[LoggedChange]:
    """The changes after `known`, in order, the first MAX_CHANGES of them; none where that is the newest.

    One query then, and two otherwise. `mappings` is how many the table holds, which tells what a load of it would cost.
    Raises DoesNotFit, and django.db.DatabaseError.
    """
    newest = newest_state()
    if known == newest:
        return ()
    if newest.generation <= known.generation:
        raise DoesNotFit(
            LoadReason.ANOTHER_HISTORY,
            f"the database went back in time: it is at generation {newest.generation}, this table at "
            f"{known.generation} with changes that the database does not have",
        )
    columns = ("generation", "kind", "key", "entry", "nonce", "at")
    count = newest.generation - known.generation
    most = max(MAX_CHANGES, mappings // _PART)
    rows = Change.objects.filter(generation__gte=known.generation).values_list(*columns)[: MAX_CHANGES + 1]
    changes = [LoggedChange(TableChange(*fields), at) for *fields, at in rows]
    if not known.generation:
        # Before the first change of all there is none to be known by.
        _check_number(known.generation, count, most)
        _check_whole(known.generation, changes)
        return changes
    if not changes or changes[0].change.generation != known.generation or known.nonce is None:
        raise DoesNotFit(LoadReason.GAP, f"the change log does not reach back to generation {known.generation}")
    if changes[0].change.nonce != known.nonce:
        raise DoesNotFit(
            LoadReason.ANOTHER_HISTORY,
            f"the database went back in time: its generation {known.generation} is another change than this table's",
        )
    _check_number(known.generation, count, most)
    _check_whole(known.generation, changes[1:])
    return changes[1:]


def _check_number(generation: int, count: int, most: int) -> None:
    if count > most:
        raise DoesNotFit(LoadReason.MANY_CHANGES, f"{count} changes since generation {generation}, more than {most}")


def _check_whole(generation: int, changes: Sequence[LoggedChange]) -> None:
    if [each.change.generation for each in changes] != list(range(generation + 1, generation + 1 + len(changes))):
        raise DoesNotFit(LoadReason.GAP, f"the change log has a gap after generation {generation}")
    if not changes:
        raise DoesNotFit(LoadReason.GAP, f"the change log has nothing after generation {generation}")

"""What is to come: change sets whose time is set, and the next steps of those that are applied in steps."""

from typing import TypeVar

from django.db.models import Case, F, Q, QuerySet, When

from routing.models import ChangeSet

_Rows = TypeVar("_Rows", bound="QuerySet[ChangeSet]")

_SCHEDULED = Q(state=ChangeSet.State.SCHEDULED)


def coming(rows: _Rows) -> _Rows:
    """Those of the rows of which something is to come, the next first."""
    due = Case(When(_SCHEDULED, then=F("apply_at")), default=F("next_at"))
    expected = _SCHEDULED | Q(state=ChangeSet.State.IN_STEPS, next_at__isnull=False)
    return rows.filter(expected).order_by(due.asc(), "pk")

"""What an operator is told of change sets in steps: numbers, of all servers together."""

from django.db.models import Count, Min, Q

from routing.models import ChangeSet

_IN_STEPS = Q(state=ChangeSet.State.IN_STEPS)
_RETURNED = Q(state__in=(ChangeSet.State.DRAFT, ChangeSet.State.APPROVED), returned_at__isnull=False)


def count_steps() -> dict[str, int]:
    """How things stand, by the names of the numbers. Raises django.db.Error.

    `change_sets_in_steps`: change sets that are being applied in steps. `step_due`: when the earliest of their next
    steps is due, in seconds since the epoch; absent where there is none. `change_sets_returned`: change sets that the
    health gate has led back, and that nobody has decided on since.
    """
    found = ChangeSet.objects.filter(_IN_STEPS | _RETURNED).aggregate(
        under_way=Count("pk", filter=_IN_STEPS),
        due=Min("next_at", filter=_IN_STEPS),
        returned=Count("pk", filter=_RETURNED),
    )
    numbers = {"change_sets_in_steps": found["under_way"], "change_sets_returned": found["returned"]}
    if found["due"] is not None:
        numbers["step_due"] = int(found["due"].timestamp())
    return numbers

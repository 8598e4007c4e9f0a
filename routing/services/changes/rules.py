"""The rules of change sets: what was decided on stays as it was reviewed."""

from routing.models import ChangeSet
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict
from routing.services.base.rules import Write, fixed, rule

fixed(ChangeSet, "undoes")


@rule(ChangeSet, "message", "rows", "basis", "checksum")
def stays_as_it_was_reviewed(write: Write) -> None:
    """Whoever asks later is told what was done."""
    if write.before is not None and not write.before.is_open:
        refuse_closed(write.before)


def refuse_closed(change_set: ChangeSet) -> None:
    """Refuse what can be done to an open set alone. Raises Conflict."""
    if change_set.state == ChangeSet.State.IN_STEPS:
        said = "this change set is being applied in steps: go on now, or stop and return, or wait for its end"
        raise Conflict(said, code=Code.CHANGE_SET_CLOSED)
    raise Conflict(f"this change set is {change_set.state} already", code=Code.CHANGE_SET_CLOSED)

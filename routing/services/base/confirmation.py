"""The verb by which an operator vouches for the newest generation, where workers hold an older table until then."""

from routing.services.base.actor import Actor
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.unit_of_work import unit_of_work


def confirm_generation(actor: Actor, reason: str = "") -> int:
    """Say that the newest generation is what was meant; gives its number. Raises PermissionDenied."""
    check_permission(actor, Permission.ADMINISTER, None)
    with unit_of_work(actor, reason) as unit:
        generation = unit.confirm()
        unit.event("table.confirmed", generation=generation, confirmation_id=1)
    return generation

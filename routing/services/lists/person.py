"""The person behind an actor, for what is kept per person."""

from typing import Any

from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.permissions import PermissionDenied


def person_of(actor: Actor) -> Any:
    """The account for which something is kept. Raises PermissionDenied where there is none, or it may only read."""
    if actor.user is None or not actor.user.is_active:
        raise PermissionDenied("this is kept for a person: sign in, or use a person's API token")
    if actor.read_only:
        raise PermissionDenied("this API token is read-only", code=Code.READ_ONLY_TOKEN)
    return actor.user

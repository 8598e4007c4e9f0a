"""Gives entries of histories a place in the chain that have none, and tells the log how far the chain goes.

The release before writes such, while both run. Whoever inserts rows by SQL does too: so each stays marked as late.
"""

from routing.services.base.actor import Actor
from routing.services.base.events import announce
from routing.services.base.history_bound import past_models
from routing.services.base.history_chain import forget_chain, head_of_chain, strays_of
from routing.services.base.unit_of_work import unit_of_work

_PIECE = 1_000
_PROGRAM = Actor.program("maintenance")


def note_chain() -> int:
    """Take strays in, and log the chain's head, which whoever changes the database can't change there.

    Gives how many strays there were. For the regular work.
    """
    taken_in = take_in_strays()
    if head := head_of_chain():
        announce(_PROGRAM, "history.noted", head=head, taken_in=taken_in)
    return taken_in


def take_in_strays(late: bool = True) -> int:
    """Give them places, by their numbers; gives how many that were."""
    taken_in = 0
    for past in past_models():
        while strays_of(past).exists():
            with unit_of_work(_PROGRAM, "") as unit:
                # In the line of writers: whoever wrote them meanwhile has given them a place.
                strays = list(strays_of(past)[:_PIECE])
                unit.take_into_chain(strays, late)
            taken_in += len(strays)
    return taken_in


def begin_anew() -> None:
    """Chain everything once more, as if nothing had been there: for what was made up a moment ago."""
    forget_chain()
    take_in_strays(late=False)

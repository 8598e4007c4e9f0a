"""Columns of lists: which there are, which somebody chose. A choice is a person's own, and nobody else's to see."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from routing.models import ListColumns
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import unit_of_work
from routing.services.lists.person import person_of


class Columns(NamedTuple):
    """The columns of a list, in its order: those that are always there, at first, and when somebody wants them."""

    always: Sequence[str]
    at_first: Sequence[str]
    more: Sequence[str]

    @property
    def choices(self) -> tuple[str, ...]:
        """What somebody may choose."""
        return (*self.at_first, *self.more)

    def shown(self, chosen: Collection[str] | None) -> tuple[str, ...]:
        """What is shown to somebody who chose these, or nothing yet (None). What isn't known is passed over."""
        wanted = self.at_first if chosen is None else chosen
        return (*self.always, *(name for name in self.choices if name in wanted))


#: By noun, as the admin's addresses name it.
COLUMNS: Mapping[str, Columns] = {
    "mapping": Columns(
        ("state", "route"),
        ("tenant", "label_badges", "delivered", "changed"),
        ("registry", "standby", "notice", "pulls", "created", "number"),
    ),
    "hostname": Columns(
        ("state", "name"),
        ("tenant", "label_badges", "mapping_count", "login_registry"),
        ("proved", "pulls", "created", "number"),
    ),
    "registry": Columns(
        ("name",),
        ("address", "label_badges", "asks_for", "layers", "mapping_count", "probed"),
        ("owner", "alias", "streams", "created", "number"),
    ),
    "tenant": Columns(("state", "name"), ("slug", "hostname_count"), ("created", "number")),
}


def columns_of(actor: Actor, noun: str) -> Collection[str] | None:
    """What the actor chose for a list; None where they chose nothing. One query."""
    if actor.user is None:
        return None
    found: Collection[str] | None = (
        ListColumns.objects.filter(user=actor.user, noun=noun).values_list("columns", flat=True).first()
    )
    return found


def choose_columns(actor: Actor, reason: str = "", *, noun: str, columns: Collection[str] | None) -> None:
    """Have a list show these of its columns to the actor from now on; None: those that everybody sees at first.

    Raises ServiceError for a list or a column that there isn't, PermissionDenied for who is no person.
    """
    user, known = person_of(actor), COLUMNS.get(noun)
    if known is None:
        raise ServiceError.for_field("noun", f"there is no list of {noun} with columns to choose")
    if unknown := sorted(set(columns or ()) - set(known.choices)):
        raise ServiceError.for_field(
            "columns", f"there is no column {unknown[0]}; there are: {', '.join(known.choices)}"
        )
    with unit_of_work(actor, reason) as unit:
        row = ListColumns.objects.select_for_update().filter(user=user, noun=noun).first()
        wanted = None if columns is None else [name for name in known.choices if name in columns]
        if row is None and wanted is not None:
            unit.add(ListColumns(user=user, noun=noun, columns=wanted))
        elif row is not None and wanted is None:
            unit.delete(row)
        elif row is not None:
            unit.update(row, columns=wanted)
        unit.event("list.columns_chosen", user_id=user.pk, noun=noun)

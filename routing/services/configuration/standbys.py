"""What a document says of a mapping's standby, and what becomes of it: the rules are those of the verbs."""

from __future__ import annotations

from dataclasses import replace

from routing.models import Mapping
from routing.models.mapping import Destination
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.unit_of_work import UnitOfWork
from routing.services.configuration.document import MappingItem
from routing.services.standbys.standbys import refuse_failed_over, remove_standby, set_standby


def with_standby_spelt_out(wanted: MappingItem, now: MappingItem | None) -> MappingItem:
    """The entry with what it leaves out: the standby stays, and goes where the mapping is repointed.

    Afterwards None stands for no standby. Raises ServiceError for what says nothing.
    """
    if wanted.standby_registry:
        return wanted
    if wanted.standby_prefix or wanted.standby_return_seconds:
        raise ServiceError.for_field(
            "standby_registry",
            "standby_prefix and standby_return_seconds are of a standby: say its standby_registry, or leave them out",
        )
    stays = wanted.standby_registry is None and now is not None and not _moves(wanted, now)
    if not stays or now is None:
        return replace(wanted, standby_registry=None)
    return replace(
        wanted,
        standby_registry=now.standby_registry,
        standby_prefix=now.standby_prefix,
        standby_return_seconds=now.standby_return_seconds,
    )


def check_can_be_named(wanted: MappingItem, now: MappingItem | None) -> None:
    """Raises ServiceError where no report can say that the standby has what the target has."""
    if not wanted.standby_registry or (now is not None and not _moves(wanted, now)):
        return
    what = "a new mapping" if now is None else "a mapping that is repointed"
    raise ServiceError.for_field(
        "standby_registry",
        f"{what} has no standby yet: one is named with a clean report of what is there then. Leave standby_registry "
        "out and apply that; then make the report (facade verify HOSTNAME PREFIX --to STANDBY), and name it",
    )


def take_standby_away(actor: Actor, reason: str, mapping: Mapping, wanted: MappingItem, home: Destination) -> bool:
    """Where an entry wants none: it has none from now on. `home`: where the entry leads. Gives whether that was done.

    Raises ServiceError where it has failed over, and the entry leads elsewhere.
    """
    leads_there = mapping.destination == home
    if wanted.standby_registry or mapping.standby_registry is None or not (leads_there or mapping.home == home):
        return False
    if not leads_there:
        # Whoever has it stay at the standby says so by the target.
        refuse_failed_over(mapping)
    remove_standby(actor, reason, mapping_id=mapping.pk)
    return True


def name_standby_of(
    unit: UnitOfWork, mapping: Mapping, wanted: MappingItem, now: MappingItem | None, standby: Destination | None
) -> None:
    """Where an entry wants another standby than there is, or another time. Raises ServiceError."""
    if standby is not None and (now is None or _standby(wanted) != _standby(now)):
        set_standby(unit, mapping, standby, wanted.standby_return_seconds)


def _standby(entry: MappingItem) -> tuple[str | None, str, int]:
    return entry.standby_registry, entry.standby_prefix, entry.standby_return_seconds


def _moves(wanted: MappingItem, now: MappingItem) -> bool:
    return (wanted.registry, wanted.upstream_prefix) != (now.registry, now.upstream_prefix)

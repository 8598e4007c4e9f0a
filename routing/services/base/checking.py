"""Checks that somebody waits for: a probe, a look at the DNS. Their number at once and their rate are bounded."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from routing.database.connections import give_back_connection
from routing.jobs.at_once import Busy, at_once
from routing.jobs.kinds import Kind, places
from routing.models import Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import TooManyRequests
from routing.services.base.rates import Limit, spend

# A page or a program is answered soon. A command waits for what somebody else has begun.
_PERSON_WAITS_SECONDS = 2.0
_COMMAND_WAITS_SECONDS = 120.0


def share_of(tenant: Tenant | None) -> str:
    """Whose share of the places a job takes."""
    return "" if tenant is None else str(tenant.pk)


def spend_check(actor: Actor, tenant: Tenant | None) -> None:
    """Count a check that a person asks for. Raises TooManyRequests."""
    if actor.user is None:
        return
    limit = Limit(settings.FACADE_MAX_CHECKS_PER_MINUTE, 60, "checks")
    spend(f"checks of user {actor.user.pk}" if actor.is_operator else f"checks of tenant {share_of(tenant)}", limit)


@contextmanager
def checking(actor: Actor, kind: Kind, key: int, tenant: Tenant | None) -> Iterator[None]:
    """Hold a place for a check, and no connection to the database: the next query takes one again.

    Not to be called within a transaction. Raises TooManyRequests where no place is free, where the same is checked just
    now, and where the tenant, or an operator of the platform, has asked for too many.
    """
    spend_check(actor, tenant)
    waits = _COMMAND_WAITS_SECONDS if actor.user is None else _PERSON_WAITS_SECONDS
    try:
        with at_once(kind, str(key), share_of(tenant), places(), waits):
            give_back_connection()
            yield
    except Busy as busy:
        raise TooManyRequests(
            "this is being checked already: look again in a moment"
            if busy.same
            else "too many checks are under way: try again in a moment",
            busy.seconds,
            Code.CHECK_UNDER_WAY if busy.same else None,
        ) from busy

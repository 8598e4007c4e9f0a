"""Has the edge get a hostname's certificate before the first client asks for it.

The edge gets certificates on demand: when a name comes in a handshake, and the gate says yes. So this shakes hands for
a name, as a client would, once it is served and its address record leads here. Nobody but this facade is dialled, at
its own addresses: to whichever others the record leads, nothing is sent there.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.conf import settings

from routing.core.grammar.hosts import is_wildcard
from routing.database.clock import database_now
from routing.jobs.kinds import CERTIFICATES, Kind
from routing.jobs.queue import enqueue
from routing.models import Hostname, Job
from routing.registries.exceptions import ForbiddenAddress
from routing.registries.first_contact import NoContact, shake_hands
from routing.registries.guard import GuardPolicy
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.unit_of_work import unit_of_work
from routing.services.hostnames.address import LEADS_HERE, look_for_address, needs_address, own_addresses

logger = logging.getLogger("routing.maintain")

# Before each try. The gate may have heard of the name a moment later, and remembers for five seconds that it led
# elsewhere. No more of them: an authority counts what fails, for an hour.
_PAUSES_SECONDS = (0.5, 2.0, 6.0)
# What an authority takes to look at the name and to sign.
_HANDSHAKE_SECONDS = 30.0
_MAX_ADDRESSES = 4


class Asked(NamedTuple):
    """What came of it. `problems` has a line for each address at which there is no certificate."""

    name: str
    has_one: bool
    problems: tuple[str, ...]
    was_tried: bool


def want_certificate(hostname: Hostname) -> None:
    """Have it fetched soon after the present transaction, where an edge asks the gate for certificates.

    A wildcard's names have each one of their own, and nobody knows them yet.
    """
    if settings.FACADE_GATE_BIND and needs_address(hostname.name) and not is_wildcard(hostname.name):
        enqueue(FETCH_CERTIFICATE, str(hostname.pk), share_of(hostname.tenant))


def _begin(job: Job) -> Callable[[], Asked] | None:
    served = Hostname.objects.filter(enabled=True, suspended=False, withdrawn_at=None, tenant__suspended=False)
    name = served.filter(pk=job.key).values_list("name", flat=True).first()
    return None if name is None else lambda: _fetch(name)


def _fetch(name: str) -> Asked:
    """Look where the name leads, and shake hands there. A name that doesn't lead here yet is left alone."""
    finding = look_for_address(name)
    own = own_addresses() if finding.state in LEADS_HERE else frozenset()
    here = [address for address in finding.addresses if address in own][:_MAX_ADDRESSES]
    return asyncio.run(_shake_hands_at(here, name))


async def _shake_hands_at(addresses: Sequence[str], name: str) -> Asked:
    found = await asyncio.gather(*(_try_at(address, name) for address in addresses))
    problems = tuple(f"{address}: {why}" for address, why in zip(addresses, found, strict=True) if why)
    return Asked(name, len(problems) < len(addresses), problems, bool(addresses))


async def _try_at(address: str, name: str) -> str:
    """Why there is no certificate at an address, after the last try; "" where there is one."""
    problem = ""
    # The address is this facade's own, which may be a private one.
    policy = GuardPolicy(allow_private=True)
    for pause in _PAUSES_SECONDS:
        await asyncio.sleep(pause)
        try:
            await shake_hands(policy, address, settings.FACADE_PUBLIC_PORT, name, _HANDSHAKE_SECONDS)
            return ""
        except (NoContact, ForbiddenAddress) as reason:
            problem = str(reason)
    return problem


def note_certificate(hostname_id: int) -> None:
    """Write down that TLS with a hostname was seen to come about here, the first time that it was."""
    unseen = Hostname.objects.filter(pk=hostname_id, certificate_seen_at=None)
    if not unseen.exists():
        return
    with unit_of_work(Actor.program("certificate"), "") as unit:
        # Once more, in the line.
        for hostname in unseen.with_names().select_for_update(of=("self",), no_key=True):
            unit.save_without_history(hostname, certificate_seen_at=database_now())


def _settle(job: Job, asked: Asked) -> None:
    if asked.has_one and asked.was_tried:
        note_certificate(int(job.key))
    if asked.problems:
        # At one of several it may be that this machine doesn't get there, such as by IPv6.
        level = logging.INFO if asked.has_one else logging.WARNING
        told = "; ".join(asked.problems)
        logger.log(level, "%s has no certificate yet, whoever asks first waits for it: %s", asked.name, told)


def _most_seconds() -> float:
    tries = sum(_PAUSES_SECONDS) + len(_PAUSES_SECONDS) * _HANDSHAKE_SECONDS
    return tries + 2 * float(settings.FACADE_DNS_SECONDS)


FETCH_CERTIFICATE = Kind("fetch_certificate", CERTIFICATES, _most_seconds, _begin, _settle, attempts=2)

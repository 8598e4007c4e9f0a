"""What these tests do again and again: claim, prove, map, pull."""

from __future__ import annotations

from collections.abc import Callable

from routing.core.decide import Request, decide
from routing.core.decisions import Decision
from routing.core.table.routing_table import Table
from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.hostnames.claims import check_claim, claim_hostname
from routing.services.hostnames.proof import ProofRecord, proof_record
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person

PLATFORM = Actor.program("test")
# Leaves the records of these, and of nobody else, where they have to be.
Prove = Callable[..., None]
Refreshed = Callable[[], Table]


def claim(person: Person, name: str) -> HostnameClaim:
    """Claim a name for the person's tenant."""
    return claim_hostname(person.actor, tenant_id=person.tenant.pk, name=name)


def record_of(item: HostnameClaim | Hostname) -> ProofRecord:
    """The record that proves it."""
    record = proof_record(item)
    assert record is not None
    return record


def proved(person: Person, name: str, prove: Prove) -> Hostname:
    """The hostname, claimed and proved; nobody else's record is there any more."""
    wanted = claim(person, name)
    prove(wanted)
    hostname = check_claim(person.actor, claim_id=wanted.pk).hostname
    assert hostname is not None
    return hostname


def map_to(person: Person, hostname: str, target: str) -> None:
    """Map acme of the hostname."""
    add_mapping(person.actor, "", hostname=hostname, prefix="acme", target=target)


def pull(table: Table, host: str) -> Decision:
    """What docker gets when it asks for acme/app there."""
    return decide(table, Request("GET", host, "/v2/acme/app/manifests/1", user_agent="docker/25.0.3"))

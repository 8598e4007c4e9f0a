"""The regular re-check of proofs: warn, withdraw after the grace time, serve again.

Only a name server's clear word counts against a hostname: where none answers, everything stays as it is.
"""

import logging
import math
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from routing.jobs.kinds import NAMES, Kind
from routing.jobs.queue import enqueue
from routing.models import Hostname, Job
from routing.services.base.actor import Actor
from routing.services.base.checking import checking, share_of
from routing.services.base.errors import NotFound
from routing.services.base.events import announce
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.unit_of_work import UnitOfWork, check_version, unit_of_work
from routing.services.hostnames.address import LEADS_HERE, AddressFinding, begin_to_look
from routing.services.hostnames.certificates import want_certificate
from routing.services.hostnames.claims import PROGRAM
from routing.services.hostnames.hostnames import get_hostname
from routing.services.hostnames.proof import (
    MAX_FINDING_LENGTH,
    Evidence,
    ProofRecord,
    Verdict,
    look_for_proof,
    proof_record,
)
from routing.services.people.notices import tell_owners

logger = logging.getLogger("routing.maintain")

# While a proof is missing, its owner is at work on it.
_MISSING_CHECKED_TIMES_AS_OFTEN = 24
_MIN_A_ROUND = 20
# What the history says of the changes that are kept in it.
_REASONS = {
    Verdict.THERE: "its DNS record is back",
    Verdict.MISSING: "its DNS record was missing for the whole grace period",
    Verdict.UNKNOWN: "",
}


class Looked(NamedTuple):
    """What the DNS answered about a hostname. No evidence: it needs no proof."""

    hostname: Hostname
    evidence: Evidence | None
    address: AddressFinding


def check_hostname(
    actor: Actor, reason: str = "", *, hostname_id: int, if_match: Collection[int] | None = None
) -> Hostname:
    """Look for a hostname's proof, where it needs one, and where it leads, now. Takes seconds.

    `proof_finding` says what is wrong with the proof, empty for nothing; `address_state` where the name leads. Raises
    NotFound, PermissionDenied, Outdated, TooManyRequests.
    """
    hostname = get_hostname(actor, hostname_id)
    check_permission(actor, Permission.CHANGE_HOSTNAMES, hostname.tenant)
    check_version(hostname, if_match)
    with checking(actor, CHECK_HOSTNAME, hostname_id, hostname.tenant):
        found = _judge(_look(hostname))
    announce(actor, "hostname.checked", hostname_id=hostname_id, tenant_id=found.tenant_id, reason=reason.strip())
    return found


def recheck_due(round_seconds: float) -> list[Hostname]:
    """Have the proofs looked up whose turn it is, if this is called every so many seconds; gives those hostnames.

    So few at a time that the checks are spread over FACADE_PROOF_SECONDS, even after a long stop.
    """
    due = list(_due(round_seconds))
    for hostname in due:
        enqueue(CHECK_HOSTNAME, str(hostname.pk), share_of(hostname.tenant))
    return due


def _due(round_seconds: float) -> "QuerySet[Hostname]":
    period = settings.FACADE_PROOF_SECONDS
    now = timezone.now()
    proved = Hostname.objects.exclude(proof_token="")
    turn = Q(proof_checked_at=None) | Q(proof_checked_at__lte=now - timedelta(seconds=period))
    sooner = now - timedelta(seconds=period / _MISSING_CHECKED_TIMES_AS_OFTEN)
    missing = Q(proof_missing_since__isnull=False, withdrawn_at=None, proof_checked_at__lte=sooner)
    # Twice the steady share, so that what has piled up is worked off.
    share = math.ceil(2 * proved.count() * round_seconds / period) if period > 0 else proved.count()
    oldest_first = proved.filter(turn | missing).order_by(F("proof_checked_at").asc(nulls_first=True), "pk")
    return oldest_first.select_related("tenant")[: max(share, _MIN_A_ROUND)]


def _look(hostname: Hostname) -> Looked:
    address = begin_to_look(hostname.name)
    evidence = look_for_proof(hostname.name) if hostname.proof_token else None
    return Looked(hostname, evidence, address.result())


def _begin(job: Job) -> Callable[[], Looked] | None:
    hostname = Hostname.objects.exclude(proof_token="").filter(pk=job.key).first()
    return None if hostname is None else lambda: _look(hostname)


def _settle(job: Job, found: Looked) -> None:
    try:
        hostname = _judge(found)
    except NotFound:
        return
    if hostname.proof_finding:
        logger.warning("%s: %s", hostname, hostname.proof_finding)


CHECK_HOSTNAME = Kind("check_hostname", NAMES, lambda: float(settings.FACADE_DNS_SECONDS), _begin, _settle)


def _judge(looked: Looked) -> Hostname:
    hostname, evidence, address = looked
    token, now = hostname.proof_token, timezone.now()
    verdict = Verdict.UNKNOWN if evidence is None else evidence.verdict(token)
    with unit_of_work(Actor.program(PROGRAM), _REASONS[verdict]) as unit:
        locked = Hostname.objects.with_names().select_for_update(of=("self",), no_key=True)
        current = locked.filter(pk=hostname.pk, proof_token=token).first()
        if current is None:
            raise NotFound("this hostname is gone, or was changed meanwhile")
        facts = address.facts()
        if address.state in LEADS_HERE and (current.address_state not in LEADS_HERE or current.withdrawn_at):
            want_certificate(current)
        if evidence is None:
            unit.save_without_history(current, **facts)
            return current
        facts |= {"proof_checked_at": now, "proof_finding": evidence.finding(token)}
        if verdict is Verdict.THERE:
            _found(unit, current, facts)
        elif verdict is Verdict.MISSING:
            _missing(unit, current, now, facts)
        else:
            unit.save_without_history(current, **facts)
    return current


def _found(unit: UnitOfWork, hostname: Hostname, facts: dict[str, Any]) -> None:
    was_withdrawn, was_missing = hostname.withdrawn_at is not None, hostname.proof_missing_since is not None
    facts = {**facts, "proof_missing_since": None, "proof_finding": ""}
    if was_withdrawn:
        unit.update(hostname, withdrawn_at=None, **facts)
    else:
        unit.save_without_history(hostname, **facts)
    if was_withdrawn or was_missing:
        _announce(unit, "hostname.proof_found", hostname)


def _missing(unit: UnitOfWork, hostname: Hostname, now: datetime, facts: dict[str, Any]) -> None:
    since = hostname.proof_missing_since or now
    is_new = hostname.proof_missing_since is None
    ends = since + timedelta(seconds=settings.FACADE_PROOF_GRACE_SECONDS)
    withdrawn_before, finding = hostname.withdrawn_at is not None, facts["proof_finding"]
    if withdrawn_before or now >= ends:
        finding = f"Withdrawn: the hostname is not served until its record is back. {finding}"
    else:
        finding = f"Unless the record is back by {_moment(ends)}, the hostname is withdrawn. {finding}"
    facts = {**facts, "proof_missing_since": since, "proof_finding": finding[:MAX_FINDING_LENGTH]}
    if now >= ends and not withdrawn_before:
        unit.update(hostname, withdrawn_at=now, **facts)
        _announce(unit, "hostname.withdrawn", hostname)
        _tell(hostname, f"{hostname} is no longer served", finding)
        return
    unit.save_without_history(hostname, **facts)
    if is_new:
        _announce(unit, "hostname.proof_missing", hostname)
        _tell(hostname, f"The DNS record of {hostname} is missing", finding)


def _announce(unit: UnitOfWork, event: str, hostname: Hostname) -> None:
    unit.event(event, hostname_id=hostname.pk, tenant_id=hostname.tenant_id)


def _tell(hostname: Hostname, subject: str, finding: str) -> None:
    record = proof_record(hostname)
    assert isinstance(record, ProofRecord)
    tell_owners(
        hostname.tenant,
        subject,
        f"A DNS record verifies that the hostname {hostname} of {hostname.tenant} is yours.\n\n"
        f"{finding}\n\nThe record to set:\n\n    {record.name}  {record.type}  {record.value}\n\n"
        "It is checked regularly; you need not do anything else.\n",
    )


def _moment(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M} UTC"

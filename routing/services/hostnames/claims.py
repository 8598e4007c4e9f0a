"""The verbs of claims: claim a hostname, prove it, vouch for it.

Claims stand beside each other, and nobody learns of another's. The DNS is asked without the database. What it
answers for one claim is also its word on whoever has the hostname now: all proofs of a name lie in one place.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from routing.jobs.kinds import NAMES, Kind
from routing.models import Hostname, HostnameClaim, Tenant
from routing.request_id import within_request
from routing.services.base.actor import Actor
from routing.services.base.checking import checking
from routing.services.base.codes import Code
from routing.services.base.dry_run import verb_transaction
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission
from routing.services.base.quotas import check_quota
from routing.services.base.rows import get_row
from routing.services.base.unit_of_work import UnitOfWork, check_version, unit_of_work
from routing.services.hostnames.address import AddressFinding, begin_to_look
from routing.services.hostnames.certificates import want_certificate
from routing.services.hostnames.claim_rules import claimable_name
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof import Evidence, Verdict, look_for_proof, new_token
from routing.services.hostnames.rules import check_no_loop
from routing.services.people.notices import tell_owners

PROGRAM = "verification of hostnames"
_TAKEN = "The record is there, but only the platform's operators can give you this hostname: please contact them."

# Somebody always waits for it. Where they are gone, with the process that looked for them, nothing is left to do.
_CHECK_CLAIM = Kind(
    "check_claim",
    NAMES,
    lambda: float(settings.FACADE_DNS_SECONDS),
    begin=lambda job: None,
    settle=lambda job, found: None,
)

#: Of a hostname that needs no proof.
NO_PROOF: dict[str, Any] = {
    "proof_token": "",
    "proof_finding": "",
    "proof_checked_at": None,
    "proof_missing_since": None,
    "withdrawn_at": None,
}


class Checked(NamedTuple):
    """What a check found, in words. `hostname` is the one that is served from now on; None: the claim stays a claim."""

    hostname: Hostname | None
    finding: str


def claim_hostname(actor: Actor, reason: str = "", *, tenant_id: int, name: str) -> HostnameClaim:
    """Claim a hostname for a tenant; `proof_record` tells what to set.

    Raises ServiceError, Conflict, NotFound, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.CHANGE_HOSTNAMES)
        name = claimable_name(name)
        _check_new(tenant, name)
        check_quota(actor, tenant, "hostnames")
        claim = HostnameClaim(tenant=tenant, name=name, token=new_token())
        unit.add(claim)
        unit.event("claim.added", claim_id=claim.pk, tenant_id=tenant.pk)
    return claim


def remove_claim(actor: Actor, reason: str = "", *, claim_id: int, if_match: Collection[int] | None = None) -> None:
    """Take a claim back. Its token is worth nothing from now on. Raises NotFound, PermissionDenied, Outdated."""
    with unit_of_work(actor, reason) as unit:
        claim = unit.get(HostnameClaim, claim_id, Permission.CHANGE_HOSTNAMES, if_match)
        unit.delete(claim)
        unit.event("claim.removed", claim_id=claim_id, tenant_id=claim.tenant_id)


def get_claim(actor: Actor, claim_id: int) -> HostnameClaim:
    """A claim that the actor may see. Raises NotFound."""
    return get_row(HostnameClaim.objects.viewable_by(actor).with_names(), claim_id)


def check_claim(actor: Actor, reason: str = "", *, claim_id: int, if_match: Collection[int] | None = None) -> Checked:
    """Look for a claim's record; where it is there, the hostname is the tenant's, and served. Takes seconds.

    Where the name leads is looked at beside it, and written down; nothing depends on that.
    Whoever had the hostname by a proof that is there no more loses it, with its mappings; whoever has it by a proof
    that still is, or by the word of the platform's operators, keeps it. Raises NotFound, PermissionDenied, Outdated,
    TooManyRequests, ServiceError.
    """
    claim = get_claim(actor, claim_id)
    check_permission(actor, Permission.CHANGE_HOSTNAMES, claim.tenant)
    check_version(claim, if_match)
    with checking(actor, _CHECK_CLAIM, claim_id, claim.tenant):
        address = begin_to_look(claim.name)
        evidence = look_for_proof(claim.name)
        return _judge(actor, reason.strip(), claim_id, evidence, address.result())


def _judge(actor: Actor, reason: str, claim_id: int, evidence: Evidence, address: AddressFinding) -> Checked:
    why = f"verified by its DNS record: {reason}" if reason else "verified by its DNS record"
    with within_request(), verb_transaction():
        # The first unit's lock holds to the end of the transaction: nothing changes between the two.
        with unit_of_work(actor, why) as unit:
            claim = unit.get(HostnameClaim, claim_id, Permission.CHANGE_HOSTNAMES)
            problem = _objection(claim, evidence)
            if problem:
                unit.save_without_history(claim, checked_at=timezone.now(), finding=problem, **address.facts())
                unit.event("claim.checked", claim_id=claim_id, tenant_id=claim.tenant_id, reason=reason)
                return Checked(None, problem)
        with unit_of_work(Actor.program(PROGRAM), "somebody else verified this hostname by its DNS record") as unit:
            _make_way(unit, claim)
        with unit_of_work(actor, why) as unit:
            return Checked(_make_hostname(unit, claim, address), evidence.finding(claim.token))


def vouch_hostname(
    actor: Actor, reason: str, *, tenant_id: int, name: str, if_match: Collection[int] | None = None
) -> Hostname:
    """Make a name a tenant's hostname, or free one from its proof, by the word of the platform's operators.

    The tenant's claim of it, where there is one, is done with. `if_match`: the versions of the tenant's hostname of
    that name, or else of its claim. Raises ServiceError, Conflict, NotFound, PermissionDenied, Outdated.
    """
    with unit_of_work(actor, reason) as unit:
        tenant = unit.get(Tenant, tenant_id, Permission.ADMINISTER)
        name = parse_hostname(name)
        hostname = _holder(name) or Hostname(tenant=tenant, name=name)
        if hostname.tenant_id != tenant.pk:
            said = f"{name} is a hostname of {hostname.tenant}: remove it there first"
            raise Conflict(said, {"hostname": [said]}, code=Code.HOSTNAME_TAKEN)
        if if_match is not None:
            claims = HostnameClaim.objects.filter(tenant=tenant, name=name)
            check_version(hostname if hostname.pk else _one(claims), if_match)
        if hostname.pk is None:
            unit.add(hostname)
        else:
            unit.update(hostname, **NO_PROOF)
        want_certificate(hostname)
        unit.delete_all(HostnameClaim.objects.filter(tenant=tenant, name=name))
        unit.event("hostname.vouched", hostname_id=hostname.pk, tenant_id=tenant.pk)
    return hostname


def _one(claims: QuerySet[HostnameClaim]) -> HostnameClaim:
    found = claims.first()
    if found is None:
        raise NotFound("this claim is gone")
    return found


def _check_new(tenant: Tenant, name: str) -> None:
    if HostnameClaim.objects.filter(tenant=tenant, name=name).exists():
        said = "You have claimed this hostname already."
        raise Conflict(f"{name} is claimed already", {"hostname": [said]}, code=Code.CLAIM_EXISTS)
    if Hostname.objects.filter(tenant=tenant, name=name).exists():
        said = "This is your hostname already."
        raise Conflict(f"{name} is a hostname of {tenant} already", {"hostname": [said]}, code=Code.CLAIM_EXISTS)


def _holder(name: str) -> Hostname | None:
    return Hostname.objects.select_related("tenant").filter(name=name).first()


def _objection(claim: HostnameClaim, evidence: Evidence) -> str:
    """Why the claim doesn't become a hostname now; empty where it does."""
    if evidence.verdict(claim.token) is not Verdict.THERE:
        return evidence.finding(claim.token)
    holder = _holder(claim.name)
    if holder is None or holder.tenant_id == claim.tenant_id:
        return _broken_rule(claim)
    # A suspension would end if the name could change hands: its tenant may be the same people.
    vouched_for, suspended = not holder.proof_token, holder.suspended or holder.tenant.suspended
    if vouched_for or suspended or evidence.verdict(holder.proof_token) is not Verdict.MISSING:
        return _TAKEN
    return _broken_rule(claim)


def _broken_rule(claim: HostnameClaim) -> str:
    """Which rule the hostname would break: what may be claimed, and what a registry is, may have changed since."""
    try:
        claimable_name(claim.name)
        check_no_loop(Hostname(tenant=claim.tenant, name=claim.name))
    except ServiceError as error:
        return error.message
    return ""


def _make_way(unit: UnitOfWork, claim: HostnameClaim) -> None:
    """Take the hostname from the tenant that can't prove it any more. Nothing of it goes to the next one."""
    holder = _holder(claim.name)
    if holder is None or holder.tenant_id == claim.tenant_id:
        return
    unit.delete_all(holder.mappings.select_related("hostname").order_by("pk"))
    unit.delete(holder)
    tell_owners(
        holder.tenant,
        f"{holder.name} is no longer served for you",
        f"The hostname {holder.name} was removed from {holder.tenant}, with its mappings: your DNS record that "
        "verified it is gone, and somebody else has verified the name.\n\nIf it is yours, claim it again and add "
        "the new record. Its history stays.\n",
    )


def _make_hostname(unit: UnitOfWork, claim: HostnameClaim, address: AddressFinding) -> Hostname:
    claim_id, hostname = claim.pk, _holder(claim.name)
    if hostname is None:
        hostname = Hostname(
            tenant=claim.tenant,
            name=claim.name,
            proof_token=claim.token,
            proof_checked_at=timezone.now(),
            **address.facts(),
        )
        unit.add(hostname)
    want_certificate(hostname)
    unit.delete(claim)
    unit.event("claim.proved", claim_id=claim_id, hostname_id=hostname.pk, tenant_id=hostname.tenant_id)
    return hostname

"""The verbs of claims: claim a hostname, prove it, vouch for it.

Claims stand beside each other, and nobody learns of another's. The DNS is asked outside any transaction. What it
answers for one claim is also its word on whoever has the hostname now: all proofs of a name lie in one place.
"""

from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from routing.models import Hostname, HostnameClaim, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, NotFound, ServiceError
from routing.services.base.permissions import Permission, check_permission, viewable
from routing.services.base.quotas import check_hostnames
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.hostnames.claim_rules import claimable_name
from routing.services.hostnames.hostnames import check_no_loop, parse_hostname
from routing.services.hostnames.proof import Evidence, Verdict, look_for_proof, new_token
from routing.services.people.notices import tell_owners

PROGRAM = "proof of hostnames"
_TAKEN = (
    "The record is there, but this hostname can't be given to you without a word from the platform's operators: "
    "please contact them."
)


class Checked(NamedTuple):
    """What a check found, in words. `hostname` is the one that is served from now on; None: the claim stays a claim."""

    hostname: Hostname | None
    finding: str


def claim_hostname(actor: Actor, *, tenant_id: int, name: str) -> HostnameClaim:
    """Claim a hostname for a tenant; `proof_record` tells what to set.

    Raises ServiceError, Conflict, NotFound, PermissionDenied.
    """
    with transaction.atomic():
        # The row's lock puts a tenant's claims in line, so that the limit holds.
        tenant = viewable(actor, Tenant.objects.select_for_update(), "").filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        check_permission(actor, Permission.CHANGE_HOSTNAMES, tenant)
        name = claimable_name(name)
        _check_new(tenant, name)
        check_hostnames(actor, tenant)
        return HostnameClaim.objects.create(tenant=tenant, name=name, token=new_token())


def remove_claim(actor: Actor, *, claim_id: int) -> None:
    """Take a claim back. Its token is worth nothing from now on. Raises NotFound, PermissionDenied."""
    with transaction.atomic():
        claim = get_claim(actor, claim_id)
        check_permission(actor, Permission.CHANGE_HOSTNAMES, claim.tenant)
        claim.delete()


def get_claim(actor: Actor, claim_id: int) -> HostnameClaim:
    """A claim that the actor may see. Raises NotFound."""
    found = viewable(actor, HostnameClaim.objects.select_related("tenant"), "tenant").filter(pk=claim_id).first()
    if found is None:
        raise NotFound("this claim is gone")
    return found


def check_claim(actor: Actor, *, claim_id: int) -> Checked:
    """Look for a claim's record; where it is there, the hostname is the tenant's, and served. Takes seconds.

    Whoever had the hostname by a proof that is there no more loses it, with its mappings; whoever has it by a proof
    that still is, or by the word of the platform's operators, keeps it.

    Raises NotFound, PermissionDenied, ServiceError.
    """
    claim = get_claim(actor, claim_id)
    check_permission(actor, Permission.CHANGE_HOSTNAMES, claim.tenant)
    evidence = look_for_proof(claim.name)
    with transaction.atomic():
        # The first unit's lock holds to the end of the transaction: nothing changes between the two.
        with unit_of_work(Actor.program(PROGRAM), "somebody else proved this hostname by its DNS record") as unit:
            claim = get_claim(actor, claim_id)
            check_permission(actor, Permission.CHANGE_HOSTNAMES, claim.tenant)
            problem = _objection(claim, evidence)
            if problem:
                return _noted(claim, problem)
            _make_way(unit, claim)
        with unit_of_work(actor, "proved by its DNS record") as unit:
            return Checked(_make_hostname(unit, claim), evidence.finding(claim.token))


def vouch_hostname(actor: Actor, reason: str, *, tenant_id: int, name: str) -> Hostname:
    """Make a name a tenant's hostname, or free one from its proof, by the word of the platform's operators.

    The tenant's claim of it, where there is one, is done with.

    Raises ServiceError, Conflict, NotFound, PermissionDenied.
    """
    with unit_of_work(actor, reason) as unit:
        check_permission(actor, Permission.ADMINISTER, None)
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound("this tenant is gone")
        name = parse_hostname(name)
        hostname = _holder(name) or Hostname(tenant=tenant, name=name)
        if hostname.tenant_id != tenant.pk:
            raise Conflict(f"{name} is a hostname of {hostname.tenant}: remove it there first")
        if hostname.pk is None:
            check_no_loop(hostname)
        if hostname.pk is None or hostname.proof_token:
            hostname.proof_token = hostname.proof_finding = ""
            hostname.proof_checked_at = hostname.proof_missing_since = hostname.withdrawn_at = None
            unit.save(hostname)
        HostnameClaim.objects.filter(tenant=tenant, name=name).delete()
    return hostname


def _check_new(tenant: Tenant, name: str) -> None:
    if HostnameClaim.objects.filter(tenant=tenant, name=name).exists():
        raise Conflict(f"{name} is claimed already", {"hostname": ["You have claimed this hostname already."]})
    if Hostname.objects.filter(tenant=tenant, name=name).exists():
        raise Conflict(f"{name} is a hostname of {tenant} already", {"hostname": ["This is your hostname already."]})


def _holder(name: str) -> Hostname | None:
    return Hostname.objects.select_related("tenant").filter(name=name).first()


def _objection(claim: HostnameClaim, evidence: Evidence) -> str:
    """Why the claim doesn't become a hostname now; empty where it does."""
    if evidence.verdict(claim.token) is not Verdict.THERE:
        return evidence.finding(claim.token)
    holder = _holder(claim.name)
    if holder is None or holder.tenant_id == claim.tenant_id:
        try:
            check_no_loop(Hostname(tenant=claim.tenant, name=claim.name))
        except ServiceError as error:
            return error.message
        return ""
    # A suspension would end if the name could change hands: its tenant may be the same people.
    vouched_for, suspended = not holder.proof_token, holder.suspended or holder.tenant.suspended
    if vouched_for or suspended or evidence.verdict(holder.proof_token) is not Verdict.MISSING:
        return _TAKEN
    return ""


def _noted(claim: HostnameClaim, finding: str) -> Checked:
    claim.checked_at, claim.finding = timezone.now(), finding
    claim.save(update_fields=["checked_at", "finding"])
    return Checked(None, finding)


def _make_way(unit: UnitOfWork, claim: HostnameClaim) -> None:
    """Take the hostname from the tenant that can't prove it any more. Nothing of it goes to the next one."""
    holder = _holder(claim.name)
    if holder is None or holder.tenant_id == claim.tenant_id:
        return
    unit.delete_all(holder.mappings.select_related("hostname").order_by("pk"))
    unit.delete(holder)
    tell_owners(
        holder.tenant,
        f"{holder.name} is not served for you any more",
        f"The hostname {holder.name} was removed from {holder.tenant}, with its mappings: your DNS record that proved "
        "it is gone, and somebody else has proved that the name is theirs.\n\nIf it is yours, claim it again and set "
        "the new record. What it was stays in its history.\n",
    )


def _make_hostname(unit: UnitOfWork, claim: HostnameClaim) -> Hostname:
    hostname = _holder(claim.name)
    if hostname is None:
        hostname = Hostname(
            tenant=claim.tenant, name=claim.name, proof_token=claim.token, proof_checked_at=timezone.now()
        )
        unit.save(hostname)
    claim.delete()
    return hostname

"""The word of the platform's operators in place of a proof."""

from __future__ import annotations

import pytest

from routing.core.decisions import Redirect
from routing.models import HostnameClaim, Tenant
from routing.services.base.errors import Conflict, NotFound
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.claims import vouch_hostname
from routing.services.hostnames.proof import proof_record
from tests.conftest import Person
from tests.services.claims.steps import PLATFORM, Prove, Refreshed, claim, map_to, proved, pull


def test_a_claim_that_is_vouched_for_is_served_without_a_proof(alice: Person, table: Refreshed) -> None:
    made = claim(alice, "registry.acme.com")

    hostname = vouch_hostname(PLATFORM, "ticket 7", tenant_id=alice.tenant.pk, name=made.name)
    map_to(alice, "registry.acme.com", "ghcr.io/acme")

    assert proof_record(hostname) is None
    assert not HostnameClaim.objects.exists()
    assert hostname.history.get().history_change_reason == "ticket 7"
    assert isinstance(pull(table(), "registry.acme.com"), Redirect)


def test_others_claims_stay(alice: Person, mallory: Person) -> None:
    theirs = claim(mallory, "registry.acme.com")

    vouch_hostname(PLATFORM, "", tenant_id=alice.tenant.pk, name="registry.acme.com")

    assert HostnameClaim.objects.get() == theirs


def test_a_proved_hostname_is_freed_from_its_proof(alice: Person, prove: Prove) -> None:
    hostname = proved(alice, "registry.acme.com", prove)

    vouched = vouch_hostname(PLATFORM, "", tenant_id=alice.tenant.pk, name="registry.acme.com")

    assert (vouched.pk, vouched.proof_token) == (hostname.pk, "")


def test_anothers_hostname_stays_theirs(alice: Person, mallory: Person) -> None:
    with pytest.raises(Conflict, match="Acme"):
        vouch_hostname(PLATFORM, "", tenant_id=mallory.tenant.pk, name=alice.hostname.name)


def test_only_the_platforms_operators_vouch(alice: Person) -> None:
    with pytest.raises(PermissionDenied):
        vouch_hostname(alice.actor, "", tenant_id=alice.tenant.pk, name="registry.acme.com")


def test_a_tenant_that_is_not_there(db: None) -> None:
    assert not Tenant.objects.exists()
    with pytest.raises(NotFound):
        vouch_hostname(PLATFORM, "", tenant_id=1, name="registry.acme.com")

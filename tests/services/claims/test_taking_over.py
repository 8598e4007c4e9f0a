"""A name that somebody has, and somebody else proves."""

from __future__ import annotations

import pytest
from django.core import mail

from routing.core.decisions import Redirect, Refuse
from routing.models import Change, Hostname, HostnameClaim, Mapping
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.claims import check_claim
from routing.services.hostnames.hostnames import remove_hostname, suspend_hostnames
from routing.services.people.tenants import suspend_tenants
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt
from tests.jobs_done import do_jobs
from tests.services.claims.steps import PLATFORM, Prove, Refreshed, claim, map_to, proved, pull, record_of


def test_a_claim_keeps_nobody_from_proving_theirs(alice: Person, mallory: Person, prove: Prove) -> None:
    squatted = claim(mallory, "registry.acme.com")

    hostname = proved(alice, "registry.acme.com", prove)

    assert hostname.tenant == alice.tenant
    assert HostnameClaim.objects.get() == squatted
    assert check_claim(mallory.actor, claim_id=squatted.pk).hostname is None


def test_a_name_whose_proof_is_still_there_is_kept(alice: Person, mallory: Person, prove: Prove) -> None:
    hostname = proved(alice, "registry.acme.com", prove)
    other = claim(mallory, "registry.acme.com")
    prove(hostname, other)

    is_refused(mallory, other)


def test_a_name_that_operators_vouched_for_is_kept(alice: Person, mallory: Person, prove: Prove) -> None:
    other = claim(mallory, alice.hostname.name)
    prove(other)

    is_refused(mallory, other)


@pytest.mark.parametrize("whole_tenant", [False, True])
def test_a_suspended_name_does_not_come_back_under_another_tenant(
    alice: Person, mallory: Person, prove: Prove, whole_tenant: bool
) -> None:
    hostname = proved(alice, "registry.acme.com", prove)
    if whole_tenant:
        suspend_tenants(PLATFORM, "", tenant_ids=[alice.tenant.pk], suspended=True)
    else:
        suspend_hostnames(PLATFORM, "", hostname_ids=[hostname.pk], suspended=True)
    other = claim(mallory, "registry.acme.com")
    prove(other)

    is_refused(mallory, other)
    with pytest.raises(PermissionDenied):
        remove_hostname(alice.actor, "", hostname_id=hostname.pk)


def is_refused(mallory: Person, other: HostnameClaim) -> None:
    before = Hostname.objects.get(name=other.name)

    checked = check_claim(mallory.actor, claim_id=other.pk)

    assert checked.hostname is None
    assert "platform's operators" in checked.finding
    assert not {"acme", "alice"} & set(checked.finding.lower().replace(".", " ").split())
    assert Hostname.objects.get(name=other.name) == before


def test_a_name_whose_proof_is_gone_begins_anew_under_who_proves_it(
    alice: Person,
    mallory: Person,
    prove: Prove,
    table: Refreshed,
) -> None:
    old = proved(mallory, "registry.acme.com", prove)
    map_to(mallory, "registry.acme.com", "quay.io/acme")
    assert pull(table(), "registry.acme.com") == Redirect("https://quay.io/v2/acme/app/manifests/1")

    new = proved(alice, "registry.acme.com", prove)
    do_jobs()

    assert (new.tenant, new.pk != old.pk) == (alice.tenant, True)
    assert not Mapping.objects.exists()
    refusal = pull(table(), "registry.acme.com")
    assert isinstance(refusal, Refuse)
    assert "not mapped" in refusal.message
    map_to(alice, "registry.acme.com", "ghcr.io/acme")
    assert pull(table(), "registry.acme.com") == Redirect("https://ghcr.io/v2/acme/app/manifests/1")
    (letter,) = mail.outbox
    assert letter.to == [mallory.user.email]
    assert "registry.acme.com" in letter.subject
    assert "acme" not in letter.body.replace("registry.acme.com", "").lower()


def test_the_history_of_the_old_one_names_nobody_of_the_new(alice: Person, mallory: Person, prove: Prove) -> None:
    old = proved(mallory, "registry.acme.com", prove)
    map_to(mallory, "registry.acme.com", "quay.io/acme")
    mapping = Mapping.objects.get()

    proved(alice, "registry.acme.com", prove)

    (change,) = Change.objects.filter(kind="mapping", entry__isnull=True)
    assert change.key == "registry.acme.com/acme"
    for past in (Hostname.history.filter(id=old.pk).latest(), Mapping.history.filter(id=mapping.pk).latest()):
        assert past.history_type == "-"
        assert (past.history_user, past.actor) == (None, "program: verification of hostnames")


def test_who_lost_a_name_has_to_prove_it_anew(
    alice: Person, mallory: Person, prove: Prove, name_server: NameServer
) -> None:
    old = proved(mallory, "registry.acme.com", prove)
    stale = record_of(old)
    new = proved(alice, "registry.acme.com", prove)
    again = claim(mallory, "registry.acme.com")
    record = record_of(new)
    # The record of the first time is found again somewhere; it says nothing any more.
    name_server.answers(record.name, txt(stale.value))

    assert check_claim(mallory.actor, claim_id=again.pk).hostname is None
    new.refresh_from_db()
    assert new.tenant == alice.tenant


def test_what_the_dns_says_once_decides_it(
    alice: Person, mallory: Person, prove: Prove, name_server: NameServer
) -> None:
    """An answer that changes from one question to the next never shows both sides what they want to see."""
    hostname = proved(alice, "registry.acme.com", prove)
    other = claim(mallory, "registry.acme.com")
    mine, theirs = record_of(hostname), record_of(other)
    name_server.queries.clear()
    name_server.answers(mine.name, txt(theirs.value, mine.value), txt(theirs.value))

    checked = check_claim(mallory.actor, claim_id=other.pk)

    assert [query.name for query in name_server.queries].count(mine.name) == 1
    assert checked.hostname is None


def test_a_hostname_given_back_is_free(alice: Person, mallory: Person, prove: Prove) -> None:
    hostname = proved(alice, "registry.acme.com", prove)
    other = claim(mallory, "registry.acme.com")
    prove(hostname, other)
    remove_hostname(alice.actor, "", hostname_id=hostname.pk)

    assert check_claim(mallory.actor, claim_id=other.pk).hostname is not None


@pytest.mark.parametrize(
    "spelling", ["REGISTRY.ACME.COM", "registry.acme.com.", "registry。acme。com", "reg\u200bistry.acme.com"]
)
def test_no_spelling_gets_round_the_one_that_has_the_name(
    alice: Person, mallory: Person, prove: Prove, spelling: str
) -> None:
    hostname = proved(alice, "registry.acme.com", prove)
    other = claim(mallory, spelling)
    prove(hostname, other)

    is_refused(mallory, other)
    assert Hostname.objects.filter(name__iexact="registry.acme.com").count() == 1


def test_a_look_alike_is_another_name(alice: Person, mallory: Person, prove: Prove, table: Refreshed) -> None:
    proved(alice, "straße.example", prove)
    map_to(alice, "straße.example", "ghcr.io/acme")
    proved(mallory, "strasse.example", prove)
    map_to(mallory, "strasse.example", "quay.io/acme")

    assert pull(table(), "xn--strae-oqa.example") == Redirect("https://ghcr.io/v2/acme/app/manifests/1")
    assert pull(table(), "strasse.example") == Redirect("https://quay.io/v2/acme/app/manifests/1")

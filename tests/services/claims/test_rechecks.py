"""Proofs are looked up again: a missing one is warned of, and costs the hostname only after the grace time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from routing.core.decisions import Redirect, Refuse
from routing.models import Hostname
from routing.services.base.errors import NotFound
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames import proof_checks
from routing.services.hostnames.claims import check_claim, vouch_hostname
from routing.services.hostnames.hostnames import remove_hostname, update_hostname
from routing.services.hostnames.proof import Evidence, look_for_proof
from routing.services.hostnames.proof_checks import check_hostname, recheck_due
from tests.conftest import Person
from tests.dns.name_server import NO_NAME, SERVER_FAILURE, Answer, NameServer, Query, address, referral, silence, txt
from tests.jobs_done import do_jobs
from tests.services.claims.steps import PLATFORM, Prove, Refreshed, claim, map_to, proved, pull, record_of

DAY = 86_400.0
NAME = "registry.acme.com"


class Clock:
    """The time that the facade reads."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time passes when the test says so."""
    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def hostname(clock: Clock, alice: Person, prove: Prove) -> Hostname:
    """registry.acme.com, proved and mapped."""
    hostname = proved(alice, NAME, prove)
    map_to(alice, NAME, "ghcr.io/acme")
    return hostname


def asked_for_proof(name_server: NameServer) -> list[Query]:
    return [query for query in name_server.queries if query.name.startswith("_registry-facade.")]


def check() -> Hostname:
    """One round of maintenance; the hostname as it is then."""
    recheck_due(30)
    do_jobs()
    return Hostname.objects.get(name=NAME)


def test_nothing_is_asked_before_its_time(hostname: Hostname, clock: Clock, name_server: NameServer) -> None:
    asked = len(asked_for_proof(name_server))
    clock.pass_by(DAY - 1)
    assert recheck_due(30) == []
    assert len(asked_for_proof(name_server)) == asked

    clock.pass_by(1)
    assert [found.name for found in recheck_due(30)] == [NAME]
    do_jobs()
    assert recheck_due(30) == []
    assert len(asked_for_proof(name_server)) == asked + 1


def test_a_proof_that_is_there_changes_nothing(hostname: Hostname, clock: Clock) -> None:
    clock.pass_by(DAY)
    past_rows = Hostname.history.count()

    found = check()

    assert (found.proof_checked_at, found.proof_missing_since, found.proof_finding) == (clock.now, None, "")
    assert Hostname.history.count() == past_rows


@pytest.mark.parametrize("answer", [None, address(), txt("v=spf1"), txt("registry-facade-proof=" + "0" * 32)])
def test_a_missing_proof_is_warned_of_once_and_goes_on_being_served(
    hostname: Hostname,
    clock: Clock,
    name_server: NameServer,
    alice: Person,
    table: Refreshed,
    answer: Answer | None,
) -> None:
    record = record_of(hostname)
    name_server.forget(record.name)
    if answer is not None:
        name_server.answers(record.name, answer)
    clock.pass_by(DAY)
    missing_since = clock.now

    found = check()
    clock.pass_by(DAY)
    check()

    assert found.proof_missing_since == missing_since
    until = (missing_since + timedelta(days=7)).strftime("%-d %B %Y, %H:%M")
    assert until in found.proof_finding
    assert isinstance(pull(table(), NAME), Redirect)
    (letter,) = mail.outbox
    assert letter.to == [alice.user.email]
    assert letter.subject == f"The DNS record of {NAME} is missing"
    assert until in letter.body
    assert record.value in letter.body


def test_after_the_grace_time_the_hostname_is_withdrawn(
    hostname: Hostname, clock: Clock, name_server: NameServer, table: Refreshed
) -> None:
    name_server.forget(record_of(hostname).name)
    clock.pass_by(DAY)
    check()
    clock.pass_by(7 * DAY - 1)
    assert check().withdrawn_at is None
    assert isinstance(pull(table(), NAME), Redirect)

    clock.pass_by(DAY / 24)
    found = check()

    assert found.withdrawn_at == clock.now
    assert "not served" in found.proof_finding
    refusal = pull(table(), NAME)
    assert isinstance(refusal, Refuse)
    assert refusal.status == 404
    assert [letter.subject for letter in mail.outbox][1:] == [f"{NAME} is no longer served"]
    past = Hostname.history.latest()
    assert (past.actor, past.withdrawn_at) == ("program: verification of hostnames", clock.now)


def withdrawn(hostname: Hostname, clock: Clock, name_server: NameServer) -> Hostname:
    name_server.forget(record_of(hostname).name)
    for _ in range(2):
        clock.pass_by(7 * DAY)
        found = check()
    assert found.withdrawn_at is not None
    return found


def test_a_proof_that_comes_back_in_time_is_as_if_it_had_been_there(
    hostname: Hostname, clock: Clock, name_server: NameServer, prove: Prove, table: Refreshed
) -> None:
    name_server.forget(record_of(hostname).name)
    clock.pass_by(DAY)
    check()
    prove(hostname)
    clock.pass_by(DAY / 24)

    found = check()

    assert (found.proof_missing_since, found.proof_finding) == (None, "")
    name_server.forget(record_of(hostname).name)
    clock.pass_by(6.5 * DAY)
    assert check().withdrawn_at is None
    assert isinstance(pull(table(), NAME), Redirect)


def test_a_withdrawn_hostname_is_served_again_with_its_mappings_when_its_proof_is_back(
    hostname: Hostname, clock: Clock, name_server: NameServer, prove: Prove, table: Refreshed
) -> None:
    withdrawn(hostname, clock, name_server)
    prove(hostname)
    clock.pass_by(DAY)

    found = check()

    assert (found.withdrawn_at, found.proof_missing_since, found.proof_finding) == (None, None, "")
    assert isinstance(pull(table(), NAME), Redirect)
    assert Hostname.history.latest().history_change_reason == "its DNS record is back"


def test_a_hostname_that_its_owner_switched_off_stays_so_when_its_proof_is_back(
    hostname: Hostname, clock: Clock, name_server: NameServer, prove: Prove, alice: Person, table: Refreshed
) -> None:
    update_hostname(alice.actor, "", hostname_id=hostname.pk, enabled=False)
    withdrawn(hostname, clock, name_server)
    prove(hostname)
    clock.pass_by(DAY)

    assert check().withdrawn_at is None
    assert isinstance(pull(table(), NAME), Refuse)


def test_no_switch_serves_a_withdrawn_hostname(
    hostname: Hostname, clock: Clock, name_server: NameServer, alice: Person, table: Refreshed
) -> None:
    found = withdrawn(hostname, clock, name_server)

    update_hostname(alice.actor, "please", hostname_id=found.pk, enabled=True)

    assert isinstance(pull(table(), NAME), Refuse)


def test_a_change_does_not_undo_what_was_found_since(
    hostname: Hostname, clock: Clock, name_server: NameServer, alice: Person, table: Refreshed
) -> None:
    withdrawn(hostname, clock, name_server)

    update_hostname(alice.actor, "", hostname_id=hostname.pk, enabled=False)
    update_hostname(alice.actor, "", hostname_id=hostname.pk, enabled=True)

    assert Hostname.objects.get(name=NAME).withdrawn_at is not None
    assert isinstance(pull(table(), NAME), Refuse)


@pytest.mark.parametrize("answer", [SERVER_FAILURE, silence(), referral()])
def test_a_name_server_that_knows_nothing_costs_nobody_a_hostname(
    hostname: Hostname, clock: Clock, name_server: NameServer, table: Refreshed, settings: Settings, answer: Answer
) -> None:
    settings.FACADE_DNS_SECONDS = 0.2
    name_server.answers(record_of(hostname).name, answer)
    for _ in range(10):
        clock.pass_by(DAY)
        found = check()

    assert (found.proof_checked_at, found.proof_missing_since) == (clock.now, None)
    assert "nothing is known" in found.proof_finding
    assert isinstance(pull(table(), NAME), Redirect)
    assert mail.outbox == []


def test_nor_does_it_end_the_grace_time_or_begin_it_anew(
    hostname: Hostname, clock: Clock, name_server: NameServer, prove: Prove
) -> None:
    record = record_of(hostname)
    name_server.forget(record.name)
    clock.pass_by(DAY)
    since = check().proof_missing_since
    name_server.answers(record.name, SERVER_FAILURE)
    clock.pass_by(8 * DAY)

    found = check()

    assert (found.withdrawn_at, found.proof_missing_since) == (None, since)
    name_server.forget(record.name)
    clock.pass_by(DAY / 24)
    assert check().withdrawn_at is not None


def test_a_record_that_was_there_for_the_check_only_does_not_keep_the_name(
    clock: Clock, name_server: NameServer, alice: Person, mallory: Person, prove: Prove, table: Refreshed
) -> None:
    """Rebinding: the answer that proved it is given once."""
    made = claim(mallory, NAME)
    record = record_of(made)
    name_server.answers(record.name, txt(record.value), NO_NAME)
    assert check_claim(mallory.actor, claim_id=made.pk).hostname is not None
    map_to(mallory, NAME, "ghcr.io/acme")
    for _ in range(2):
        clock.pass_by(7 * DAY)
        check()

    assert isinstance(pull(table(), NAME), Refuse)
    assert proved(alice, NAME, prove).tenant == alice.tenant


def test_a_lapsed_name_can_be_had_by_who_proves_it_and_is_not_had_back_by_an_old_record(
    hostname: Hostname,
    clock: Clock,
    name_server: NameServer,
    alice: Person,
    mallory: Person,
    prove: Prove,
    table: Refreshed,
) -> None:
    old_record = record_of(withdrawn(hostname, clock, name_server))
    taken = proved(mallory, NAME, prove)
    map_to(mallory, NAME, "mcr.microsoft.com/acme")
    again = claim(alice, NAME)
    name_server.answers(old_record.name, txt(old_record.value, record_of(taken).value))

    assert check_claim(alice.actor, claim_id=again.pk).hostname is None
    clock.pass_by(DAY)
    assert check().tenant == mallory.tenant
    assert pull(table(), NAME) == Redirect("https://mcr.microsoft.com/v2/acme/app/manifests/1")


def test_a_hostname_that_was_vouched_for_is_never_asked_for(
    hostname: Hostname, clock: Clock, name_server: NameServer, alice: Person, table: Refreshed
) -> None:
    withdrawn(hostname, clock, name_server)

    vouch_hostname(PLATFORM, "", tenant_id=alice.tenant.pk, name=NAME)

    assert isinstance(pull(table(), NAME), Redirect)
    clock.pass_by(30 * DAY)
    assert recheck_due(30) == []
    asked = len(asked_for_proof(name_server))
    assert check_hostname(alice.actor, hostname_id=hostname.pk).proof_finding == ""
    assert len(asked_for_proof(name_server)) == asked


def test_an_owner_has_it_checked_at_once(
    hostname: Hostname, clock: Clock, name_server: NameServer, prove: Prove, alice: Person
) -> None:
    withdrawn(hostname, clock, name_server)
    prove(hostname)

    found = check_hostname(alice.actor, hostname_id=hostname.pk)

    assert (found.withdrawn_at, found.proof_finding) == (None, "")


def test_who_may_not_change_hostnames_may_not_have_them_checked(
    hostname: Hostname, teammate: Person, mallory: Person
) -> None:
    for person, refusal in ((teammate, PermissionDenied), (mallory, NotFound)):
        with pytest.raises(refusal):
            check_hostname(person.actor, hostname_id=hostname.pk)


def test_what_has_piled_up_is_worked_off_in_rounds(alice: Person, clock: Clock, name_server: NameServer) -> None:
    Hostname.objects.bulk_create(
        Hostname(tenant=alice.tenant, name=f"h{number}.acme.com", proof_token="0" * 32, proof_checked_at=clock.now)
        for number in range(50)
    )
    clock.pass_by(30 * DAY)

    rounds = []
    for _ in range(4):
        rounds.append(len(recheck_due(30)))
        do_jobs()

    assert rounds == [20, 20, 10, 0]
    assert len({query.name for query in asked_for_proof(name_server)}) == 50


def test_a_round_takes_its_share_however_many_there_are(
    alice: Person, clock: Clock, name_server: NameServer, settings: Settings
) -> None:
    settings.FACADE_PROOF_SECONDS = 60.0
    Hostname.objects.bulk_create(
        Hostname(tenant=alice.tenant, name=f"h{number}.acme.com", proof_token="0" * 32, proof_checked_at=clock.now)
        for number in range(40)
    )
    clock.pass_by(60)

    recheck_due(30)
    do_jobs()

    assert len({query.name for query in asked_for_proof(name_server)}) == 40


def test_a_hostname_removed_while_the_dns_is_asked_stays_removed(
    clock: Clock, alice: Person, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostname = proved(alice, NAME, prove)

    def slow_look(name: str) -> Evidence:
        remove_hostname(alice.actor, "", hostname_id=hostname.pk)
        return look_for_proof(name)

    monkeypatch.setattr(proof_checks, "look_for_proof", slow_look)

    with pytest.raises(NotFound):
        check_hostname(alice.actor, hostname_id=hostname.pk)
    assert not Hostname.objects.filter(name=NAME).exists()

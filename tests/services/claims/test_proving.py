"""What the DNS has to say before a claim becomes a hostname."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from pytest_django import Settings

from routing.core.decisions import Redirect, Refuse
from routing.models import Hostname, HostnameClaim, Membership
from routing.services.base.errors import NotFound
from routing.services.hostnames import claims
from routing.services.hostnames.claims import check_claim, remove_claim
from routing.services.hostnames.proof import Evidence, look_for_proof
from tests.conftest import Person
from tests.dns.name_server import SERVER_FAILURE, NameServer, address, alias, silence, txt
from tests.services.claims.steps import Prove, Refreshed, claim, map_to, proved, pull, record_of


def test_a_claim_alone_is_not_served(alice: Person, table: Refreshed) -> None:
    claim(alice, "registry.acme.com")

    refusal = pull(table(), "registry.acme.com")

    assert isinstance(refusal, Refuse)
    assert "not a hostname" in refusal.message
    with pytest.raises(NotFound):
        map_to(alice, "registry.acme.com", "ghcr.io/acme")


def test_a_proved_claim_is_a_hostname_and_served(alice: Person, prove: Prove, table: Refreshed) -> None:
    hostname = proved(alice, "registry.acme.com", prove)
    map_to(alice, "registry.acme.com", "ghcr.io/acme")

    assert pull(table(), "registry.acme.com") == Redirect("https://ghcr.io/v2/acme/app/manifests/1")
    assert not HostnameClaim.objects.exists()
    assert hostname.proof_token
    made = hostname.history.get()
    assert (made.actor, made.history_change_reason) == ("alice", "verified by its DNS record")


@pytest.mark.parametrize("wrapped", ['"{}"', " {} "])
def test_what_consoles_add_to_a_value_does_no_harm(alice: Person, name_server: NameServer, wrapped: str) -> None:
    made = claim(alice, "registry.acme.com")
    record = record_of(made)
    name_server.answers(record.name, txt(wrapped.format(record.value)))

    assert check_claim(alice.actor, claim_id=made.pk).hostname is not None


def test_a_record_behind_an_alias_of_several_strings(alice: Person, name_server: NameServer) -> None:
    made = claim(alice, "registry.acme.com")
    record = record_of(made)
    name_server.answers(record.name, alias("proofs.acme.net"))
    name_server.answers("proofs.acme.net", txt((record.value[:9], record.value[9:])))

    assert check_claim(alice.actor, claim_id=made.pk).hostname is not None


def test_no_such_name(alice: Person, name_server: NameServer) -> None:
    is_not_proved(alice, "does not exist")


def test_no_txt_record(alice: Person, name_server: NameServer) -> None:
    name_server.answers("_registry-facade.registry.acme.com", address())

    is_not_proved(alice, "no TXT record")


def test_values_that_were_meant_as_a_proof_are_shown_and_others_are_counted(
    alice: Person, name_server: NameServer
) -> None:
    """Whoever claims a name that is somebody else's must not read there what that one has written."""
    former = "registry-facade-proof=" + "0" * 32
    name_server.answers("_registry-facade.registry.acme.com", txt(former, "v=secret", "<b>", "\x1b[31m", "5"))

    finding = is_not_proved(alice, "none with this value")

    assert finding.endswith(f"Found: “{former}” and 4 other values.")
    assert "secret" not in finding


def test_of_others_values_alone_there_is_the_number(alice: Person, name_server: NameServer) -> None:
    name_server.answers("_registry-facade.registry.acme.com", txt("v=secret"))

    assert is_not_proved(alice, "none with this value").endswith("Found: 1 other value.")


def test_a_long_value_is_shortened_and_shows_no_control_characters(alice: Person, name_server: NameServer) -> None:
    name_server.answers("_registry-facade.registry.acme.com", txt(f'"registry-facade-proof=\x1b[2J\x9b{"x" * 200}'))

    finding = is_not_proved(alice, "none with this value")

    assert finding.isprintable()
    assert len(finding) < 300


def test_a_record_at_the_name_itself_proves_nothing(alice: Person, name_server: NameServer) -> None:
    made = claim(alice, "registry.acme.com")
    record = record_of(made)
    for elsewhere in ("registry.acme.com", "_registry-facade.acme.com", f"{record.name}.acme.com"):
        name_server.answers(elsewhere, txt(record.value))

    assert check_claim(alice.actor, claim_id=made.pk).hostname is None


@pytest.mark.parametrize(
    "near", ["registry-facade-proof=", "{}", "registry-facade-proof={}0", "x registry-facade-proof={}", ""]
)
def test_nearly_the_value_proves_nothing(alice: Person, name_server: NameServer, near: str) -> None:
    made = claim(alice, "registry.acme.com")
    name_server.answers("_registry-facade.registry.acme.com", txt(near.format(made.token)))

    assert check_claim(alice.actor, claim_id=made.pk).hostname is None


def test_server_failure(alice: Person, name_server: NameServer) -> None:
    name_server.answers("_registry-facade.registry.acme.com", SERVER_FAILURE)

    is_not_proved(alice, "nothing is known.*SERVFAIL")


def test_no_answer_in_time(alice: Person, name_server: NameServer, settings: Settings) -> None:
    settings.FACADE_DNS_SECONDS = 0.2
    name_server.answers("_registry-facade.registry.acme.com", silence())

    is_not_proved(alice, "did not answer in time")


def is_not_proved(alice: Person, why: str) -> str:
    made = claim(alice, "registry.acme.com")

    checked = check_claim(alice.actor, claim_id=made.pk)

    made.refresh_from_db()
    assert checked.hostname is None
    assert made.finding == checked.finding
    assert made.checked_at is not None
    assert re.search(why, made.finding)
    assert not Hostname.objects.filter(name="registry.acme.com").exists()
    return made.finding


def test_anothers_record_proves_nothing_for_me(alice: Person, mallory: Person, prove: Prove) -> None:
    theirs, mine = claim(alice, "registry.acme.com"), claim(mallory, "registry.acme.com")
    prove(theirs)

    assert check_claim(mallory.actor, claim_id=mine.pk).hostname is None
    assert check_claim(alice.actor, claim_id=theirs.pk).hostname is not None


def test_the_record_of_a_claim_taken_back_proves_the_next_one_not(alice: Person, name_server: NameServer) -> None:
    made = claim(alice, "registry.acme.com")
    record = record_of(made)
    remove_claim(alice.actor, claim_id=made.pk)
    again = claim(alice, "registry.acme.com")
    name_server.answers(record.name, txt(record.value))

    assert check_claim(alice.actor, claim_id=again.pk).hostname is None


def test_a_claim_taken_back_while_the_dns_is_asked_is_not_proved(
    alice: Person, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = claim(alice, "registry.acme.com")
    prove(made)

    def slow_look(name: str) -> Evidence:
        remove_claim(alice.actor, claim_id=made.pk)
        return look_for_proof(name)

    monkeypatch.setattr(claims, "look_for_proof", slow_look)

    with pytest.raises(NotFound):
        check_claim(alice.actor, claim_id=made.pk)
    assert not Hostname.objects.filter(name="registry.acme.com").exists()


def test_an_owner_who_was_removed_while_the_dns_is_asked_proves_nothing(
    alice: Person, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = claim(alice, "registry.acme.com")
    prove(made)

    def slow_look(name: str) -> Evidence:
        Membership.objects.filter(user=alice.user).delete()
        return look_for_proof(name)

    monkeypatch.setattr(claims, "look_for_proof", slow_look)

    with pytest.raises(NotFound):
        check_claim(alice.actor, claim_id=made.pk)
    assert HostnameClaim.objects.get() == made


def test_the_dns_is_never_asked_within_a_transaction(
    alice: Person, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = claim(alice, "registry.acme.com")
    prove(made)
    outside = len(connection.savepoint_ids)
    depths: list[int] = []

    def look(name: str) -> Evidence:
        depths.append(len(connection.savepoint_ids))
        return look_for_proof(name)

    monkeypatch.setattr(claims, "look_for_proof", look)
    check_claim(alice.actor, claim_id=made.pk)

    assert depths == [outside]

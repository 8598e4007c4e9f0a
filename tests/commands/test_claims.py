"""The commands of claims, and their share in the maintenance."""

from __future__ import annotations

import io
import logging

import pytest
from django.core.management import CommandError, call_command

from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.hostnames.claims import claim_hostname
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt

NAME = "registry.acme.com"
RECORD = f"_registry-facade.{NAME}"


def run(*words: str) -> str:
    printed = io.StringIO()
    call_command(*words, stdout=printed)
    return printed.getvalue()


def value_of(claim: HostnameClaim) -> str:
    return f"registry-facade-proof={claim.token}"


def test_from_the_claim_to_the_hostname(owner: Person, name_server: NameServer) -> None:
    told = run("claim_hostname", NAME, "--tenant", "acme")
    value = value_of(HostnameClaim.objects.get())

    assert f'    {RECORD}.  TXT  "{value}"\n' in told
    assert "facade hostname check 'registry.acme.com' --tenant acme" in told
    with pytest.raises(CommandError, match="the name does not exist"):
        run("check_claim", NAME)

    name_server.answers(RECORD, txt(value))
    assert "Added hostname registry.acme.com of acme" in run("check_claim", NAME)
    assert "The record of registry.acme.com, a hostname of acme, is there" in run(
        "check_claim", NAME.upper(), "--tenant", "acme"
    )

    name_server.forget(RECORD)
    with pytest.raises(CommandError, match="Unless the record is back"):
        run("check_claim", NAME)


def test_a_name_that_several_claim(owner: Person, outsider: Person, name_server: NameServer) -> None:
    for person in (owner, outsider):
        claim_hostname(Actor.command_line(), tenant_id=person.tenant.pk, name=NAME)

    with pytest.raises(CommandError, match="acme and globex: say --tenant"):
        run("check_claim", NAME)

    name_server.answers(RECORD, txt(value_of(HostnameClaim.objects.get(tenant=outsider.tenant))))
    assert "Added hostname registry.acme.com of globex" in run("check_claim", NAME, "--tenant", "globex")
    with pytest.raises(CommandError, match="none with this value"):
        run("check_claim", NAME, "--tenant", "acme")


def test_a_hostname_that_is_vouched_for(owner: Person, name_server: NameServer) -> None:
    run("claim_hostname", "*.pull.acme.com", "--tenant", "acme")

    told = run("vouch_hostname", "*.pull.acme.com", "--tenant", "acme", "--reason", "ticket 7")

    assert "Vouched for *.pull.acme.com: it is a hostname of acme that needs no DNS record" in told
    assert name_server.queries == []
    assert "vouched for it" in run("check_claim", "*.pull.acme.com")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("claim_hostname", NAME, "--tenant", "nobody"), "no tenant nobody"),
        (("claim_hostname", "co.uk", "--tenant", "acme"), "public suffix"),
        (("claim_hostname", "docker.acme.com", "--tenant", "acme"), "already"),
        (("claim_hostname", NAME), "--tenant"),
        (("check_claim", NAME), "not claimed"),
        (("check_claim", "docker.acme.com", "--tenant", "globex"), "not claimed"),
        (("check_claim", "a_b"), "not a hostname"),
        (("vouch_hostname", "docker.acme.com", "--tenant", "globex"), "is a hostname of Acme"),
    ],
)
def test_wrong_input_is_one_line(
    owner: Person, outsider: Person, name_server: NameServer, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message) as refusal:
        run(*words)

    assert "\n" not in str(refusal.value)


def test_the_maintenance_checks_proofs(
    owner: Person, name_server: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    name_server.answers("_registry-facade.there.acme.com", txt("registry-facade-proof=" + "1" * 32))
    for name in ("there", "gone"):
        Hostname.objects.create(tenant=owner.tenant, name=f"{name}.acme.com", proof_token="1" * 32)

    with caplog.at_level(logging.WARNING, "routing.maintain"):
        call_command("maintain", "--once")

    there, gone = (Hostname.objects.get(name=f"{name}.acme.com") for name in ("there", "gone"))
    assert there.proof_checked_at is not None
    assert (there.proof_missing_since, gone.proof_missing_since is None) == (None, False)
    (told,) = caplog.messages
    assert told.startswith("gone.acme.com: Unless the record is back by")

"""The DNS records to set, and what was found of them, at the command line."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.commands.facade import facade
from tests.conftest import Person
from tests.dns.name_server import NameServer, at, txt

pytestmark = pytest.mark.django_db
NAME = "registry.acme.com"
RECORD = f"_registry-facade.{NAME}"
IPV4, IPV6 = "203.0.113.7", "2001:db8::7"


@pytest.fixture(autouse=True)
def _facade(settings: Settings, owner: Person) -> None:
    settings.FACADE_ADDRESSES = [IPV4, IPV6]


def lines_of(text: str) -> list[list[str]]:
    """The records that were printed, as a zone file has them."""
    return [line.split() for line in text.splitlines() if line.startswith("    ")]


def test_from_a_claim_to_the_first_pull(name_server: NameServer) -> None:
    claimed = facade("hostname", "claim", NAME, "--tenant", "acme")
    (proof, *addresses) = lines_of(claimed.out)
    assert proof[:2] == [f"{RECORD}.", "TXT"]
    assert addresses == [[f"{NAME}.", "A", IPV4], [f"{NAME}.", "AAAA", IPV6]]

    name_server.answers(NAME, at(IPV4))
    name_server.answers(RECORD, txt(proof[2].strip('"')))
    checked = facade("hostname", "check", NAME)
    assert checked.status == 0
    assert f"It has no AAAA record ({IPV6})" in checked.out

    shown = facade("hostname", "show", NAME)
    assert lines_of(shown.out)[1:] == [
        [f"{NAME}.", "A", IPV4, "(found)"],
        [f"{NAME}.", "AAAA", IPV6, "(not", "found)"],
    ]
    assert f"facade mapping add {NAME} PREFIX TARGET" in shown.out

    name_server.answers(NAME, at(IPV4, IPV6))
    facade("hostname", "check", NAME)
    facade("mapping", "add", NAME, "acme", "ghcr.io/acme")
    shown = facade("hostname", "show", NAME)
    assert f"address:  {NAME} points to this facade: {IPV4}, {IPV6}." in shown.out
    assert f"docker pull {NAME}/acme/IMAGE" in shown.out


def test_for_programs(name_server: NameServer) -> None:
    facade("hostname", "claim", NAME, "--tenant", "acme")
    name_server.answers(NAME, at("198.51.100.9"))

    checked = facade("hostname", "check", NAME, "--json")
    (claim,) = facade("hostname", "show", NAME, "--json").json["claims"]

    assert checked.status == 3
    assert (checked.json["address_state"], claim["address_state"]) == ("elsewhere", "elsewhere")
    assert [record["found"] for record in claim["address_records"]] == [False, False]


def test_a_hostname_that_needs_no_proof_is_looked_up_too(name_server: NameServer) -> None:
    name_server.answers("docker.acme.com", at(IPV4, IPV6))

    checked = facade("hostname", "check", "docker.acme.com")

    assert (checked.status, checked.out.splitlines()) == (
        0,
        [
            f"docker.acme.com points to this facade: {IPV4}, {IPV6}.",
            "docker.acme.com needs no record that verifies it: the platform's operators vouched for it",
        ],
    )


def test_where_the_facades_address_is_not_known_the_operator_is_told_what_to_set(settings: Settings) -> None:
    settings.FACADE_ADDRESSES = []

    claimed = facade("hostname", "claim", NAME, "--tenant", "acme")

    assert "Point the name to this facade too: FACADE_ADDRESSES says where it is, and is not set." in claimed.out
    assert len(lines_of(claimed.out)) == 1

"""`facade doctor` as a command: what it takes, what it prints, how it ends. What it finds: tests/e2e/test_doctor.py."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.commands.facade import facade
from tests.conftest import Person
from tests.dns.name_server import NameServer

pytestmark = pytest.mark.django_db
NAME = "docker.acme.com"


@pytest.fixture(autouse=True)
def _facade(settings: Settings, owner: Person, name_server: NameServer) -> None:
    settings.FACADE_ADDRESSES = ["203.0.113.7"]


def test_a_hostname_whose_name_leads_nowhere(name_server: NameServer) -> None:
    done = facade("doctor", NAME)

    assert done.status == 3
    assert done.out.splitlines() == [
        "✓ hostname  active (0 ms)",
        *[line for line in done.out.splitlines() if line.startswith("✗ DNS")],
        f"    asked: A and AAAA of {NAME}",
        "    do: Set the address records that the hostname's page shows.",
        "? pull      no client gets through to this facade, see above",
        "",
        "1 of 3 steps keep clients out.",
    ]
    assert {query.name for query in name_server.queries} == {NAME}


def test_for_programs() -> None:
    done = facade("doctor", f"{NAME}/acme/app:1.0", "--json")

    assert (done.status, done.json["ok"]) == (3, False)
    assert [(step["name"], step["mark"]) for step in done.json["steps"]] == [
        ("hostname", "good"),
        ("DNS", "bad"),
        ("pull", "skipped"),
    ]
    assert done.json["steps"][1].keys() == {"name", "mark", "asked", "came", "advice", "milliseconds"}


def test_of_a_wildcard_the_name_that_was_given(owner: Person, name_server: NameServer) -> None:
    facade("hostname", "add", "*.pull.acme.com", "--tenant", "acme")

    for subject, asked in (
        ("*.pull.acme.com", "any.pull.acme.com"),
        ("a.pull.acme.com", "a.pull.acme.com"),
        ("b.pull.acme.com/acme/app", "b.pull.acme.com"),
    ):
        name_server.queries.clear()
        assert facade("doctor", subject).status == 3
        assert {query.name for query in name_server.queries} == {asked}


@pytest.mark.parametrize("subject", ["nobody.acme.com", "nobody.acme.com/acme/app"])
def test_a_hostname_that_is_not_here(subject: str) -> None:
    done = facade("doctor", subject)

    assert done.status == 3
    assert "there is no hostname nobody.acme.com" in done.err


@pytest.mark.parametrize("subject", ["a b", "https://", f"{NAME}:443", f"{NAME}/UPPER"])
def test_what_is_no_hostname_is_said_in_a_line(subject: str) -> None:
    done = facade("doctor", subject)

    assert done.status == 1
    assert len(done.err.strip().splitlines()) == 1

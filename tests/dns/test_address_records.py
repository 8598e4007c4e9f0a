"""What address records a name has, asked of a name server that answers in every way that there is."""

from __future__ import annotations

import time

from dnslib import QTYPE

from routing.dns.address_records import AddressRecords, look_up_addresses
from routing.dns.name_servers import parse_name_server
from routing.dns.questions import Answer, Outcome
from tests.dns.name_server import NO_NAME, SERVER_FAILURE, NameServer, alias, at, silence, silent_for

NAME = "docker.acme.com"
# Long enough for a busy machine.
SECONDS = 10.0


def ask(server: NameServer, seconds: float = SECONDS) -> AddressRecords:
    return look_up_addresses([NAME], [parse_name_server(server.at)], seconds)[NAME]


def test_both_families_in_their_one_form(name_server: NameServer) -> None:
    name_server.answers(NAME, at("203.0.113.7", "2001:db8:0:0::7"))

    found = ask(name_server)

    assert found == AddressRecords(Answer(Outcome.FOUND, ("203.0.113.7",)), Answer(Outcome.FOUND, ("2001:db8::7",)))
    assert found.addresses == ("203.0.113.7", "2001:db8::7")
    assert (found.outcome, found.is_conclusive) == (Outcome.FOUND, True)


def test_one_family_alone(name_server: NameServer) -> None:
    name_server.answers(NAME, at("203.0.113.7"))

    found = ask(name_server)

    assert (found.outcome, found.ipv6.outcome, found.is_conclusive) == (Outcome.FOUND, Outcome.NO_RECORD, True)


def test_behind_an_alias(name_server: NameServer) -> None:
    name_server.answers(NAME, alias("edge.acme.net"))
    name_server.answers("edge.acme.net", at("203.0.113.7"))

    assert ask(name_server).addresses == ("203.0.113.7",)


def test_no_such_name_and_no_address_at_a_name(name_server: NameServer) -> None:
    name_server.answers(NAME, NO_NAME)
    assert ask(name_server).outcome is Outcome.NO_NAME

    name_server.answers(NAME, at())
    assert ask(name_server).outcome is Outcome.NO_RECORD


def test_where_nobody_could_say_nothing_is_known(name_server: NameServer) -> None:
    name_server.answers(NAME, SERVER_FAILURE)

    found = ask(name_server)

    assert (found.outcome, found.is_conclusive) == (Outcome.FAILED, False)
    assert "SERVFAIL" in found.detail


def test_a_family_that_is_not_answered_for_takes_nothing_from_the_other(name_server: NameServer) -> None:
    name_server.answers(NAME, silent_for(QTYPE.AAAA, at("203.0.113.7")))

    found = ask(name_server, seconds=0.3)

    assert (found.addresses, found.outcome, found.is_conclusive) == (("203.0.113.7",), Outcome.FOUND, False)


def test_several_names_are_waited_for_no_longer_than_one(name_server: NameServer) -> None:
    names = [f"{number}.acme.com" for number in range(5)]
    for name in names:
        name_server.answers(name, silence())
    started = time.monotonic()

    found = look_up_addresses(names, [parse_name_server(name_server.at)], 0.5)

    assert {found[name].outcome for name in names} == {Outcome.TIMEOUT}
    # Ten questions one after the other would take ten times as long.
    assert time.monotonic() - started < 4


def test_no_name_takes_no_question(name_server: NameServer) -> None:
    assert look_up_addresses([], [parse_name_server(name_server.at)], SECONDS) == {}
    assert name_server.queries == []

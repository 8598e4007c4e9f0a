"""The addresses that a name has for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dnslib import CNAME, QTYPE, RR, DNSRecord

from routing.dns.name_servers import NameServer as Server
from routing.dns.published import PublishedAddresses, look_up_addresses
from routing.dns.questions import Outcome
from tests.dns.name_server import NO_NAME, SERVER_FAILURE, Answer, NameServer, at, referral, silence, silent_for, txt

NAME = "docker.acme.com"


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


async def looked_up(names: NameServer, name: str = NAME, seconds: float = 20.0) -> PublishedAddresses:
    return await look_up_addresses(name, [Server("127.0.0.1", names.port)], seconds)


def alias_to(target: str, otherwise: Answer) -> Answer:
    """A CNAME, with the target's own answer as a resolver that follows it sends it."""

    def answer(reply: DNSRecord) -> None:
        reply.add_answer(RR(reply.q.qname, QTYPE.CNAME, rdata=CNAME(target), ttl=1))
        otherwise(reply)
        for record in reply.rr[1:]:
            record.set_rname(target)

    return answer


async def test_both_families_in_their_one_form(names: NameServer) -> None:
    names.answers(NAME, at("192.0.2.1", "192.0.2.2", "2001:DB8:0::1"))

    assert await looked_up(names) == PublishedAddresses(Outcome.FOUND, ("192.0.2.1", "192.0.2.2", "2001:db8::1"))


async def test_one_family_will_do(names: NameServer) -> None:
    names.answers(NAME, at("2001:db8::1"))

    assert await looked_up(names) == PublishedAddresses(Outcome.FOUND, ("2001:db8::1",))


@pytest.mark.parametrize("is_followed", [True, False])
async def test_aliases_are_followed_by_whomever(names: NameServer, is_followed: bool) -> None:
    names.answers("edge.acme.com", at("192.0.2.1"))
    names.answers(NAME, alias_to("edge.acme.com", at("192.0.2.1") if is_followed else txt()))

    assert await looked_up(names) == PublishedAddresses(Outcome.FOUND, ("192.0.2.1",))


async def test_aliases_without_end_are_given_up(names: NameServer) -> None:
    for number in range(20):
        names.answers(f"n{number}.acme.com", alias_to(f"n{number + 1}.acme.com", txt()))

    assert await looked_up(names, "n0.acme.com") == PublishedAddresses(Outcome.FAILED)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (NO_NAME, Outcome.NO_NAME),
        (txt("text"), Outcome.NO_RECORD),
        (SERVER_FAILURE, Outcome.FAILED),
        (referral(), Outcome.FAILED),
        (silence(), Outcome.TIMEOUT),
        # Where one family can't be looked up, what the other says is half of it.
        (silent_for(QTYPE.AAAA, at("192.0.2.1")), Outcome.TIMEOUT),
    ],
)
async def test_what_else_may_come(names: NameServer, answer: Answer, outcome: Outcome) -> None:
    names.answers(NAME, answer)
    patience = 1.0 if outcome is Outcome.TIMEOUT else 20.0

    assert await looked_up(names, seconds=patience) == PublishedAddresses(outcome)


async def test_what_is_no_name_is_asked_of_nobody(names: NameServer) -> None:
    assert await looked_up(names, "a" * 64 + ".com") == PublishedAddresses(Outcome.FAILED)
    assert names.queries == []


async def test_the_hosts_file_has_no_say(names: NameServer) -> None:
    assert await looked_up(names, "localhost") == PublishedAddresses(Outcome.NO_NAME)

"""Look-ups against a name server that answers in every way that there is."""

from __future__ import annotations

import time

import pytest
from dnslib import RCODE

from routing.dns.name_servers import NameServer as Address
from routing.dns.name_servers import parse_name_server
from routing.dns.questions import Answer, Outcome
from routing.dns.txt import look_up_txt
from tests.dns.name_server import SERVER_FAILURE, NameServer, address, alias, referral, refuse, silence, txt

NAME = "_registry-facade.docker.acme.com"
# Long enough for a busy machine.
SECONDS = 10.0


def ask(server: NameServer, name: str = NAME, seconds: float = SECONDS) -> Answer:
    return look_up_txt(name, [parse_name_server(server.at)], seconds)


def test_the_value_of_a_record(name_server: NameServer) -> None:
    name_server.answers(NAME, txt("registry-facade-proof=abc"))

    assert ask(name_server) == Answer(Outcome.FOUND, ("registry-facade-proof=abc",))


def test_several_records_come_all_in_any_order(name_server: NameServer) -> None:
    name_server.answers(NAME, txt("v=spf1 -all", "registry-facade-proof=abc", "x"))

    assert sorted(ask(name_server).values) == ["registry-facade-proof=abc", "v=spf1 -all", "x"]


def test_the_strings_of_one_record_are_one_value(name_server: NameServer) -> None:
    name_server.answers(NAME, txt(("registry-facade-", "proof=", "abc"), ("other",)))

    assert set(ask(name_server).values) == {"registry-facade-proof=abc", "other"}


def test_a_name_in_capitals_is_the_same_name(name_server: NameServer) -> None:
    name_server.answers(NAME, txt("abc"))

    assert ask(name_server, NAME.upper()).values == ("abc",)


def test_a_name_that_does_not_exist(name_server: NameServer) -> None:
    assert ask(name_server) == Answer(Outcome.NO_NAME)


def test_a_name_without_txt_records(name_server: NameServer) -> None:
    name_server.answers(NAME, address())

    assert ask(name_server) == Answer(Outcome.NO_RECORD)


@pytest.mark.parametrize("code", [RCODE.SERVFAIL, RCODE.REFUSED, RCODE.NOTIMP, RCODE.FORMERR])
def test_a_server_that_fails_says_nothing_about_the_name(name_server: NameServer, code: int) -> None:
    name_server.answers(NAME, refuse(code))

    answer = ask(name_server)

    assert (answer.outcome, answer.is_conclusive) == (Outcome.FAILED, False)
    assert RCODE[code] in answer.detail


def test_a_server_that_only_refers_to_others_says_nothing_about_the_name(name_server: NameServer) -> None:
    name_server.answers(NAME, referral())

    assert ask(name_server).outcome is Outcome.FAILED


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_said(name_server: NameServer) -> None:
    name_server.answers(NAME, silence())
    started = time.monotonic()

    answer = ask(name_server, seconds=0.3)

    assert (answer.outcome, answer.is_conclusive) == (Outcome.TIMEOUT, False)
    assert 0.3 <= time.monotonic() - started < 8


def test_a_server_that_answers_at_the_second_try(name_server: NameServer) -> None:
    name_server.answers(NAME, silence(), txt("abc"))

    assert ask(name_server).values == ("abc",)


def test_the_second_server_is_asked_where_the_first_fails(name_server: NameServer) -> None:
    other = NameServer()
    try:
        other.answers(NAME, SERVER_FAILURE)
        name_server.answers(NAME, txt("abc"))

        answer = look_up_txt(NAME, [parse_name_server(other.at), parse_name_server(name_server.at)], SECONDS)
    finally:
        other.close()

    assert (answer.values, len(other.queries)) == (("abc",), 1)


def test_an_answer_too_long_for_udp_comes_by_tcp(name_server: NameServer) -> None:
    values = [f"{number:03}" + "x" * 200 for number in range(40)]
    name_server.answers(NAME, txt(*values))

    answer = ask(name_server)

    assert sorted(answer.values) == values
    assert [query.protocol for query in name_server.queries] == ["udp", "tcp"]


def test_an_alias_whose_target_is_in_the_answer(name_server: NameServer) -> None:
    name_server.answers(NAME, alias("proofs.acme.net", "abc"))

    assert ask(name_server).values == ("abc",)
    assert len(name_server.queries) == 1


def test_aliases_whose_targets_have_to_be_asked_for(name_server: NameServer) -> None:
    name_server.answers(NAME, alias("one.acme.net"))
    name_server.answers("one.acme.net", alias("two.acme.net"))
    name_server.answers("two.acme.net", txt("abc"))

    assert ask(name_server).values == ("abc",)


def test_an_alias_to_nowhere(name_server: NameServer) -> None:
    name_server.answers(NAME, alias("nowhere.acme.net"))

    assert ask(name_server).outcome is Outcome.NO_NAME


def test_aliases_in_a_circle_end(name_server: NameServer) -> None:
    name_server.answers(NAME, alias("one.acme.net"))
    name_server.answers("one.acme.net", alias(NAME))

    answer = ask(name_server)

    assert answer.outcome is Outcome.FAILED
    assert len(name_server.queries) < 12


def test_what_is_no_text_is_made_harmless(name_server: NameServer) -> None:
    name_server.answers(NAME, txt(b"a\x00b\r\nc\x1b[31m\xff\xfe", "\u202edrowssap", "é"))

    values = ask(name_server).values

    assert all(value.isprintable() for value in values)
    assert "a\ufffdb\ufffd\ufffdc\ufffd[31m\ufffd\ufffd" in values
    assert "é" in values


@pytest.mark.parametrize("name", [f"{'a' * 64}.acme.com", ".".join(["a" * 60] * 5), "a..b", ""])
def test_a_name_that_the_dns_cannot_hold(name_server: NameServer, name: str) -> None:
    assert not ask(name_server, name).values


def test_no_server_there(name_server: NameServer) -> None:
    name_server.close()

    answer = look_up_txt(NAME, [parse_name_server(name_server.at)], 0.5)

    assert not answer.is_conclusive


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Address("192.0.2.1", 53)),
        (" 192.0.2.1:5353 ", Address("192.0.2.1", 5353)),
        ("2001:db8::1", Address("2001:db8::1", 53)),
        ("[2001:db8::1]", Address("2001:db8::1", 53)),
        ("[2001:DB8::1]:5353", Address("2001:db8::1", 5353)),
    ],
)
def test_a_setting_that_can_be_read(text: str, expected: Address) -> None:
    assert parse_name_server(text) == expected


@pytest.mark.parametrize(
    "text", ["", "dns.example", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:65536", "[::1", "[::1]53"]
)
def test_a_setting_that_cannot(text: str) -> None:
    with pytest.raises(ValueError, match="“"):
        parse_name_server(text)

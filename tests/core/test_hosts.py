"""The grammar of hosts, as clients send them and as people type them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.hosts import (
    MAX_HOST_LENGTH,
    InvalidHost,
    ends_in_number,
    is_ip_address,
    is_loopback,
    is_wildcard,
    normalise_hostname,
    normalise_served_name,
    parse_authority,
    wildcard_above,
)

ENDS = st.sampled_from("azAZ09")
LABELS = ENDS | st.builds("{}{}{}".format, ENDS, st.text("aZ0-", max_size=8), ENDS)
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)


@given(HOSTS, st.sampled_from(["", "."]), st.none() | st.integers(1, 65535))
def test_case_trailing_dot_and_port_make_no_difference(host: str, dot: str, port: int | None) -> None:
    text = f"{host}{dot}" + (f":{port}" if port else "")

    assert parse_authority(text) == (host.lower(), str(port or ""))


@given(st.ip_addresses(v=6), st.booleans(), st.none() | st.integers(1, 65535))
def test_ipv6_literals_have_one_form(address: ipaddress.IPv6Address, long: bool, port: int | None) -> None:
    text = f"[{address.exploded.upper() if long else address.compressed}]" + (f":{port}" if port else "")

    assert parse_authority(text) == (f"[{address.compressed}]", str(port or ""))


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=20) | st.text("a.-:[]01\r\n@/", max_size=12))
def test_whatever_passes_is_in_its_one_form(text: str) -> None:
    try:
        host, port = parse_authority(text)
    except InvalidHost:
        return

    assert parse_authority(host) == (host, "")
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.:[]")
    assert port == "" or 0 < int(port) < 65536


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("docker.acme.com", "docker.acme.com"),
        ("  Docker.ACME.com. ", "docker.acme.com"),
        ("Docker.ACME.COX", "docker.acme.cox"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("127.0.0.1", "127.0.0.1"),
        ("[2001:DB8::0:1]", "[2001:db8::1]"),
        ("localhost", "localhost"),
    ],
)
def test_what_a_person_types_has_one_stored_form(text: str, stored: str) -> None:
    assert normalise_hostname(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "https://docker.acme.com", "docker.acme.com/acme", "docker.acme.com:8443", "docker_acme.com"),
        *(
            "-a.com",
            ".docker.acme.com",
            "a..com",
            "a b.com",
            "a@b.com",
            "xn--\u0301.com",
            "xn--a.com",
            "\u0301a.example",
            "a" * 64 + ".com",
        ),
        *("2001:db8::1", "[::g]", ".".join(["a" * 60] * 5), "a\n.com", "docker.acme.com\x00"),
    ],
)
def test_what_is_no_hostname_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidHost) as caught:
        normalise_hostname(text)

    assert len(str(caught.value)) > 15


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" ", "give a hostname, such as docker.acme.com"),
        (".", "give a hostname, such as docker.acme.com"),
        ("https://acme.com", "give the hostname alone, without scheme or path, such as docker.acme.com"),
        ("acme.com/acme", "give the hostname alone, without scheme or path, such as docker.acme.com"),
        ("acme.com:8443", "give the hostname without a port: the same name is served on every port"),
        ("acme.com:0", "“acme.com:0” is not a hostname such as docker.acme.com: the port is not between 1 and 65535"),
        (" a..com", "“a..com” is not a hostname such as docker.acme.com: the host is malformed"),
        ("[::1::]", "“[::1::]” is not a hostname such as docker.acme.com: the host is no IPv6 address"),
    ],
)
def test_a_refusal_says_what_to_give_instead(text: str, words: str) -> None:
    with pytest.raises(InvalidHost) as caught:
        normalise_hostname(text)

    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("[::1]", True), ("a.example", False), ("1", False)]
)
def test_ip_literals_are_known(host: str, expected: bool) -> None:
    assert is_ip_address(host) == expected


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" *.Pull.ACME.com. ", "*.pull.acme.com"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("Docker.acme.com", "docker.acme.com"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ],
)
def test_a_served_name_may_be_a_wildcard(text: str, stored: str) -> None:
    assert normalise_served_name(text) == stored
    assert is_wildcard(stored) == text.strip().startswith("*.")


# The parent's labels, so that the whole name is as long as a host may be, or longer by one character.
LONGEST = ".".join(["a" * 62] * 3 + ["b" * (MAX_HOST_LENGTH - 2 - 3 * 63)])


@pytest.mark.parametrize("text", ["*.[2001:db8::1]", "*.", "*", "*.*.acme.com", "a.*.acme.com", f"*.{LONGEST}b"])
def test_what_is_no_wildcard_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidHost) as caught:
        normalise_served_name(text)

    assert len(str(caught.value)) > 15


def test_a_wildcard_may_be_as_long_as_a_host() -> None:
    assert len(normalise_served_name(f"*.{LONGEST}")) == MAX_HOST_LENGTH


def test_the_wildcard_above_a_host_has_one_label_less() -> None:
    assert wildcard_above("a.pull.acme.com") == "*.pull.acme.com"


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("registry.localhost", True),
        ("127.0.0.1", True),
        ("127.9.8.7:5000", True),
        ("[::1]:5000", True),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("128.0.0.1", False),
        ("[::2]", False),
        ("not a host", False),
    ],
)
def test_what_can_only_be_this_machine_is_known(authority: str, expected: bool) -> None:
    assert is_loopback(authority) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("2130706433", True),
        ("0x7f.1", True),
        ("a.0X7F", True),
        ("a.0x", True),
        ("registry.10.", True),
        ("registry.example", False),
        ("1.example", False),
        ("a.1b", False),
        ("a.0xg", False),
        ("a.\u0661", False),
    ],
)
def test_what_a_resolver_takes_for_an_ipv4_address_is_known(host: str, expected: bool) -> None:
    assert ends_in_number(host) == expected

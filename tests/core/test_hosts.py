"""The grammar of hosts, as clients send them and as people type them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.hosts import InvalidHost, is_ip_address, normalise_hostname, parse_authority

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
    ("host", "expected"), [("127.0.0.1", True), ("[::1]", True), ("a.example", False), ("1", False)]
)
def test_ip_literals_are_known(host: str, expected: bool) -> None:
    assert is_ip_address(host) == expected

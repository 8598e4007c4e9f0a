"""Forwarded (RFC 7239): its grammar, and whose word in it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from routing.dataplane.request.client_request import from_meta
from routing.dataplane.request.forwarded import forwarded_client
from routing.dataplane.request.forwarded_field import address_of, parse_forwarded

PROXY, OUTER, CLIENT = "10.0.0.5", "10.0.0.9", "192.0.2.60"
WAY = f"for={CLIENT};proto=https;host=docker.acme.com"


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("for=192.0.2.43", [{"for": "192.0.2.43"}]),
        ('For="[2001:db8:cafe::17]:4711"', [{"for": "[2001:db8:cafe::17]:4711"}]),
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}],
        ),
        ("for=192.0.2.43, for=198.51.100.17", [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        ('for=_gazonk ; host="a\\"b;c,d"', [{"for": "_gazonk", "host": 'a"b;c,d'}]),
        ("host=docker.acme.com:8443", [{"host": "docker.acme.com:8443"}]),
        (" ,for=1.2.3.4,, ", [{"for": "1.2.3.4"}]),
        ("for=1.2.3.4;;for=5.6.7.8;", [{"for": "1.2.3.4"}]),
        ("", []),
    ],
)
def test_what_it_says(text: str, elements: list[dict[str, str]]) -> None:
    assert parse_forwarded(text) == elements


@pytest.mark.parametrize(
    "text", ["for", "for=", 'for="1.2.3.4', "=1.2.3.4", "for=a b", "for =a", 'for="a"b', "f\xfcr=a", "\x00"]
)
def test_of_what_is_malformed_nothing_counts(text: str) -> None:
    assert parse_forwarded(f"host=evil.example, {text}") == []


def test_a_long_one_is_read_in_no_time() -> None:
    assert len(parse_forwarded("for=1," * 50_000)) == 50_000
    assert parse_forwarded('"' * 100_000) == []
    assert parse_forwarded('a="' + "\\" * 100_001) == []


@given(st.text(st.sampled_from('for=,;" \\a1.:[]\t'), max_size=60))
def test_nothing_breaks_it(text: str) -> None:
    assert all(name == name.lower() for element in parse_forwarded(text) for name in element)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["for", "proto", "host", "by", "x"]), st.text(st.characters(codec="latin-1"))),
        max_size=4,
    )
)
def test_what_is_quoted_comes_back(elements: list[dict[str, str]]) -> None:
    quoted = (
        ";".join(
            '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in each.items()
        )
        for each in elements
    )

    assert parse_forwarded(", ".join(quoted)) == [each for each in elements if each]


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("192.0.2.43", "192.0.2.43"),
        ("192.0.2.43:47011", "192.0.2.43"),
        ("[2001:DB8::17]:4711", "2001:db8::17"),
        ("[2001:db8::17]", "2001:db8::17"),
        ("2001:db8::17", "2001:db8::17"),
        *((node, "") for node in ("unknown", "_hidden", "", "192.0.2.43:", "192.0.2.43:_x", "host.example", "[::1")),
    ],
)
def test_the_address_of_a_node(node: str, address: str) -> None:
    assert address_of(node) == address


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.FACADE_TRUSTED_PROXIES = [PROXY, OUTER]


def origin(forwarded: str, peer: str = PROXY, **more: str) -> tuple[str, str]:
    """The scheme and authority under which a client has reached us."""
    meta = {"REMOTE_ADDR": peer, "HTTP_HOST": "inner", "HTTP_FORWARDED": forwarded}
    return from_meta("GET", "/v2/", meta | more, "http", "1.1").public_origin


def client(forwarded: str, peer: str = PROXY, **more: str) -> str:
    return forwarded_client({"forwarded": forwarded, **more}, peer)


def test_a_trusted_proxy_says_how_the_client_came() -> None:
    assert origin(WAY) == ("https", "docker.acme.com")
    assert client(WAY) == CLIENT


def test_nobody_else_does() -> None:
    assert origin(WAY, "10.0.0.6") == ("http", "inner")
    assert client(WAY, "10.0.0.6") == "10.0.0.6"
    assert client(WAY, "") == ""


@pytest.mark.parametrize(
    "said", ["host=evil.example;proto=http;for=203.0.113.1", "for=unknown", 'for="_x";host=evil.example']
)
def test_what_the_client_has_written_before_its_proxy_counts_for_nothing(said: str) -> None:
    assert origin(f"{said}, {WAY}") == ("https", "docker.acme.com")
    assert client(f"{said}, {WAY}") == CLIENT


def test_of_trusted_proxies_in_a_row_the_outermost_counts() -> None:
    inner = f"for={OUTER};proto=http;host=middle.example"

    assert origin(f"host=evil.example, {WAY}, {inner}") == ("https", "docker.acme.com")
    assert client(f"for=203.0.113.1, {WAY}, {inner}") == CLIENT


def test_what_the_outermost_leaves_out_the_next_says() -> None:
    assert origin(f"for={CLIENT}, for={OUTER};proto=https;host=docker.acme.com") == ("https", "docker.acme.com")
    assert origin(f"proto=https;for={CLIENT}") == ("https", "inner")


@pytest.mark.parametrize("hidden", ["for=unknown", "for=_secret", "proto=https"])
def test_an_address_that_is_not_told_is_the_proxys(hidden: str) -> None:
    assert client(f"for=203.0.113.1, {hidden}") == PROXY


@pytest.mark.parametrize("forwarded", ["host=a b", "proto=https;host=", "host=evil.example, x"])
def test_a_malformed_one_is_as_none(forwarded: str) -> None:
    assert origin(forwarded) == ("http", "inner")
    assert client(forwarded) == PROXY


@pytest.mark.parametrize("name", ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"])
def test_a_proxy_that_speaks_by_the_other_fields_has_passed_on_the_clients(name: str) -> None:
    assert origin("host=evil.example;proto=https", **{name: ""}) == ("http", "inner")
    assert client("for=203.0.113.1", **{"x-forwarded-for": "192.0.2.9"}) == "192.0.2.9"
    assert client("for=203.0.113.1", **{"x-forwarded-proto": "https"}) == PROXY


@pytest.mark.parametrize("proto", ["ftp", "https://", "https,http", " "])
def test_a_scheme_that_is_none_is_not_believed(proto: str) -> None:
    assert origin(f'for={CLIENT};proto="{proto}"') == ("http", "inner")

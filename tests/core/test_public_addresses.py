"""Addresses of the facade, as FACADE_ADDRESSES writes them."""

import pytest

from routing.core.grammar.public_addresses import PublicAddresses, parse_public_addresses


def test_addresses_of_both_families_and_names_are_told_apart_each_once() -> None:
    texts = ["203.0.113.7", "[2001:DB8::7]", "Edge.Acme.com.", "2001:db8:0::7", " 203.0.113.8 "]

    parsed = parse_public_addresses(texts)

    assert parsed == PublicAddresses(("203.0.113.7", "203.0.113.8"), ("2001:db8::7",), ("edge.acme.com",))
    assert parsed.all == {"203.0.113.7", "203.0.113.8", "2001:db8::7"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("203.0.113.7:443", "without a port"),
        ("[2001:db8::7]:443", "without a port"),
        ("127.1", "write it in full"),
        ("0.0.0.0", "no address that clients can reach"),
        ("ff02::1", "no address that clients can reach"),
        ("fe80::1%eth0", "no address that clients can reach"),
        ("https://edge.acme.com", "without scheme or path"),
        ("edge.acme.com/", "without scheme or path"),
        ("*.acme.com", "is not a hostname"),
        ("", "give a hostname"),
    ],
)
def test_what_is_no_address_is_refused_with_a_word_on_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_public_addresses(["203.0.113.7", text])


def test_nothing_given_is_nothing_known() -> None:
    assert parse_public_addresses([]) == PublicAddresses()
    assert parse_public_addresses([]).all == frozenset()

"""Which network addresses the facade may dial. Pure: no look-up happens here.

The ranges are those of the IANA IPv4 and IPv6 special-purpose address registries (RFC 6890), and the addresses at which
clouds serve instance credentials. They are spelled out instead of asking `ipaddress.is_global`, whose answer changes
between Python releases.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class AddressScope(StrEnum):
    """How far an address reaches: `public` is open to everyone, `private` where the operator allows it."""

    PUBLIC = "public"
    PRIVATE = "private"
    FORBIDDEN = "forbidden"


# First match wins, so an exception stands before the range that it is taken from.
_IPV4: tuple[tuple[str, AddressScope, str], ...] = (
    ("0.0.0.0/8", AddressScope.FORBIDDEN, "an unspecified address"),
    ("100.100.100.200/32", AddressScope.FORBIDDEN, "a cloud metadata address"),
    ("168.63.129.16/32", AddressScope.FORBIDDEN, "a cloud metadata address"),
    ("169.254.0.0/16", AddressScope.FORBIDDEN, "a link-local or cloud metadata address"),
    ("192.0.0.0/24", AddressScope.FORBIDDEN, "a reserved address"),
    ("192.0.2.0/24", AddressScope.FORBIDDEN, "a reserved address"),
    ("192.88.99.0/24", AddressScope.FORBIDDEN, "a reserved address"),
    ("198.51.100.0/24", AddressScope.FORBIDDEN, "a reserved address"),
    ("203.0.113.0/24", AddressScope.FORBIDDEN, "a reserved address"),
    ("224.0.0.0/4", AddressScope.FORBIDDEN, "a multicast address"),
    ("240.0.0.0/4", AddressScope.FORBIDDEN, "a reserved address"),
    ("10.0.0.0/8", AddressScope.PRIVATE, "a private address"),
    ("100.64.0.0/10", AddressScope.PRIVATE, "a private address"),
    ("127.0.0.0/8", AddressScope.PRIVATE, "a loopback address"),
    ("172.16.0.0/12", AddressScope.PRIVATE, "a private address"),
    ("192.168.0.0/16", AddressScope.PRIVATE, "a private address"),
    ("198.18.0.0/15", AddressScope.PRIVATE, "a private address"),
)
_IPV6: tuple[tuple[str, AddressScope, str], ...] = (
    ("::/128", AddressScope.FORBIDDEN, "an unspecified address"),
    ("::1/128", AddressScope.PRIVATE, "a loopback address"),
    ("fd00:ec2::/32", AddressScope.FORBIDDEN, "a cloud metadata address"),
    ("fd20:ce::/32", AddressScope.FORBIDDEN, "a cloud metadata address"),
    ("fc00::/7", AddressScope.PRIVATE, "a private address"),
    ("fec0::/10", AddressScope.PRIVATE, "a private address"),
    ("fe80::/10", AddressScope.FORBIDDEN, "a link-local address"),
    ("ff00::/8", AddressScope.FORBIDDEN, "a multicast address"),
    # Teredo, ORCHID and the rest of the protocol assignments; documentation.
    ("2001::/23", AddressScope.FORBIDDEN, "a reserved address"),
    ("2001:db8::/32", AddressScope.FORBIDDEN, "a reserved address"),
    ("3fff::/20", AddressScope.FORBIDDEN, "a reserved address"),
    ("2000::/3", AddressScope.PUBLIC, "a public address"),
    ("::/0", AddressScope.FORBIDDEN, "a reserved address"),
)
_IPV4_RANGES = tuple((IPv4Network(network), reach, words) for network, reach, words in _IPV4)
_IPV6_RANGES = tuple((IPv6Network(network), reach, words) for network, reach, words in _IPV6)

# IPv6 ranges that carry an IPv4 address, and how many bits stand to the right of it: a packet to one of them may come
# out at the IPv4 address, which is therefore the one to judge. Mapped (RFC 4291), translated (RFC 2765), NAT64
# (RFC 6052), 6to4 (RFC 3056).
_EMBEDDING = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)


@lru_cache(maxsize=1024)
def classify_address(address: str) -> tuple[AddressScope, str]:
    """Say how far a literal IPv4 or IPv6 address reaches, and what kind of address it is, in words.

    An IPv6 zone (`%eth0`) is disregarded. Raises `ValueError` when the text is not an address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return _classify_ipv6(parsed)
    return _classify_ipv4(parsed)


def _classify_ipv4(address: IPv4Address) -> tuple[AddressScope, str]:
    for network, reach, words in _IPV4_RANGES:
        if address in network:
            return reach, words
    return AddressScope.PUBLIC, "a public address"


def _classify_ipv6(address: IPv6Address) -> tuple[AddressScope, str]:
    bare = IPv6Address(int(address))
    for embedding, bits_to_the_right in _EMBEDDING:
        if bare in embedding:
            return _classify_ipv4(IPv4Address((int(bare) >> bits_to_the_right) & 0xFFFFFFFF))
    for network, reach, words in _IPV6_RANGES:
        if bare in network:
            return reach, words
    raise AssertionError("::/0 holds every address")  # pragma: no cover

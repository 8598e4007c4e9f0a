"""The addresses of this facade, as a setting writes them: where the DNS records of hostnames have to lead."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from routing.core.grammar.hosts import ends_in_number, normalise_hostname


class PublicAddresses(NamedTuple):
    """IP addresses for A and AAAA records, and host names that a CNAME record can name; all empty: nothing is known."""

    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """The IP addresses of both families, in their one form."""
        return frozenset((*self.ipv4, *self.ipv6))


def parse_public_address(text: str) -> IPv4Address | IPv6Address | str:
    """An IP address, or a host name in its stored form. Raises ValueError, and says of what."""
    text = text.strip()
    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        if "/" not in text and (":" in text or ends_in_number(text)):
            raise ValueError(f"“{text}” is no IP address: write it in full, without a port") from None
        return normalise_hostname(text)
    if address.is_unspecified or address.is_multicast or "%" in str(address):
        raise ValueError(f"“{text}” is no address that clients can reach: write the facade's public one")
    return address


def parse_public_addresses(texts: Iterable[str]) -> PublicAddresses:
    """All of them, each once, in the given order. Raises ValueError for one that is none."""
    parsed = list(dict.fromkeys(map(parse_public_address, texts)))
    return PublicAddresses(
        ipv4=tuple(str(found) for found in parsed if isinstance(found, IPv4Address)),
        ipv6=tuple(str(found) for found in parsed if isinstance(found, IPv6Address)),
        names=tuple(found for found in parsed if isinstance(found, str)),
    )

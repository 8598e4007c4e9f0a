"""Addresses of recursive resolvers, as settings write them."""

import ipaddress
import re
from typing import NamedTuple

_DNS_PORT = 53
# With a port, an IPv6 address stands in brackets; anything else is an address alone, or wrong.
_SERVER = re.compile(r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<plain>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?")


class NameServer(NamedTuple):
    """A recursive resolver. `address` is an IP address."""

    address: str
    port: int = _DNS_PORT


def parse_name_server(text: str) -> NameServer:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. Raises ValueError."""
    text = text.strip()
    match = _SERVER.fullmatch(text)
    try:
        parsed = ipaddress.ip_address((match["bracketed"] or match["plain"]) if match else text)
        number = int(match["port"] or _DNS_PORT) if match else _DNS_PORT
    except ValueError:
        raise ValueError(f"“{text}” is not a name server: write an IP address, with :port where it isn't 53") from None
    if not 0 < number < 65536:
        raise ValueError(f"“{text}”: the port is not between 1 and 65535")
    return NameServer(str(parsed), number)

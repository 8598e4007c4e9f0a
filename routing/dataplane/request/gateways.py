"""The addresses of this machine's default gateways, as Linux tells them.

A container on a bridge has its host as its gateway, and meets whatever comes by a published port from there: the proxy
that passes ports on (docker-proxy), and NAT for what comes from the host itself.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

# proc(5): /proc/net/route; Documentation/networking/proc_net_tcp and net/ipv6/route.c for the second.
_IPV4_ROUTES = "net/route"
_IPV6_ROUTES = "net/ipv6_route"
_RTF_GATEWAY = 0x2


def default_gateways(proc: Path = Path("/proc")) -> list[IPv4Address | IPv6Address]:
    """Those of IPv4 and of IPv6; none where there is no such route, or no Linux."""
    return [*_ipv4_gateways(_lines(proc / _IPV4_ROUTES)), *_ipv6_gateways(_lines(proc / _IPV6_ROUTES))]


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []


def _ipv4_gateways(lines: list[list[str]]) -> list[IPv4Address]:
    # Addresses are written as this machine's numbers, after a line of names.
    routes = [words for words in lines[1:] if len(words) > 7 and words[1] == words[7] == "00000000"]
    numbers = [int(words[2], 16) for words in routes if int(words[3], 16) & _RTF_GATEWAY]
    return [IPv4Address(struct.pack("=I", number)) for number in numbers]


def _ipv6_gateways(lines: list[list[str]]) -> list[IPv6Address]:
    routes = [words for words in lines if len(words) > 8 and words[0] == "0" * 32 and words[1] == "00"]
    return [IPv6Address(bytes.fromhex(words[4])) for words in routes if int(words[8], 16) & _RTF_GATEWAY]

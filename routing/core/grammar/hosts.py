"""Grammar of hosts: what a `Host` header may hold, and the one form in which a hostname is stored.

Sources: RFC 9110 §7.2 (Host), RFC 3986 §3.2.2, RFC 1123 §2.1 (LDH labels), RFC 5890 (A-labels). Docker's reference
grammar has no underscore in a domain either.
"""

import ipaddress
import re
from functools import lru_cache
from string import hexdigits

import idna

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AUTHORITY = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?(?::(?P<port>[0-9]{{1,5}}))?")
_AUTHORITY_IPV6 = re.compile(r"\[(?P<address>[0-9a-f:.]{2,45})\](?::(?P<port>[0-9]{1,5}))?")
# UTS #46 §4: all four are dots.
_WILDCARD = re.compile(r"\*[.\u3002\uff0e\uff61](?P<parent>.+)", re.DOTALL)
MAX_HOST_LENGTH = 253
MAX_PORT = 65535


class InvalidHost(ValueError):
    """Text that is no host. The message says what is wrong with it."""


@lru_cache(maxsize=8192)
def parse_authority(text: str) -> tuple[str, str]:
    """Split `host[:port]` into the normalised host and the port's digits ("" for none).

    Lower case, no trailing dot, IPv6 in brackets and in RFC 5952's short form. Raises InvalidHost.
    """
    lowered = text.lower()
    match = _AUTHORITY.fullmatch(lowered)
    if match is not None:
        host = match["name"]
        if len(host) > MAX_HOST_LENGTH:
            raise InvalidHost(f"the host is longer than {MAX_HOST_LENGTH} characters")
    else:
        match = _AUTHORITY_IPV6.fullmatch(lowered)
        if match is None:
            raise InvalidHost("the host is malformed")
        try:
            host = f"[{ipaddress.IPv6Address(match['address']).compressed}]"
        except ValueError:
            raise InvalidHost("the host is no IPv6 address") from None
    port = match["port"] or ""
    if port and not 0 < int(port) <= MAX_PORT:
        raise InvalidHost("the port is not between 1 and 65535")
    return host, port


def normalise_hostname(text: str) -> str:
    """The stored form of a hostname that a person typed: an IDN becomes A-labels (UTS #46, non-transitional).

    Raises InvalidHost: empty, a port, a path, a label that IDNA refuses.
    """
    name = text.strip().rstrip(".")
    if not name:
        raise InvalidHost("give a hostname, such as docker.acme.com")
    if "/" in name:
        raise InvalidHost("give the hostname alone, without scheme or path, such as docker.acme.com")
    # Mapped by UTS #46 and nothing else: Python's lower() would make another letter of a last sigma.
    if not name.isascii() or "xn--" in name.lower():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidHost(f"“{text.strip()}” is not a valid internationalised name: {error}") from None
    try:
        host, port = parse_authority(name)
    except InvalidHost as error:
        raise InvalidHost(f"“{text.strip()}” is not a hostname such as docker.acme.com: {error}") from None
    if port:
        raise InvalidHost("give the hostname without a port: the same name is served on every port")
    return host


def normalise_served_name(text: str) -> str:
    """As `normalise_hostname`, and for names that are served also `*.<parent>`: every name one label below the parent.

    Raises InvalidHost.
    """
    wildcard = _WILDCARD.fullmatch(text.strip())
    if wildcard is None:
        return normalise_hostname(text)
    parent = normalise_hostname(wildcard["parent"])
    if parent.startswith("["):
        raise InvalidHost(f"“{text.strip()}” is not a hostname: there are no names below an address")
    if len(parent) > MAX_HOST_LENGTH - 2:
        raise InvalidHost(f"“{text.strip()}” is not a hostname: it is longer than {MAX_HOST_LENGTH} characters")
    return f"*.{parent}"


def wildcard_above(host: str) -> str:
    """The wildcard that would serve a normalised host: `*.pull.acme.com` for `a.pull.acme.com`."""
    return f"*.{host.partition('.')[2]}"


def is_wildcard(name: str) -> bool:
    """Whether a stored name stands for every name one label below its parent."""
    return name.startswith("*.")


def is_ip_address(host: str) -> bool:
    """Whether a normalised host is an IPv4 or IPv6 literal."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def ends_in_number(host: str) -> bool:
    """Whether resolvers and URL parsers take a host for an IPv4 address: 127.1, 0x7f.1, 2130706433.

    The rule “ends in a number” of the WHATWG URL standard.
    """
    last = host.removesuffix(".").rpartition(".")[2].lower()
    return (last.isascii() and last.isdigit()) or (last.startswith("0x") and set(last[2:]) <= set(hexdigits))


def is_loopback(authority: str) -> bool:
    """Whether a host, with or without port, can only be this machine (RFC 6761 §6.3, RFC 1122 §3.2.1.3)."""
    try:
        name, _ = parse_authority(authority)
    except InvalidHost:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False

"""Grammar of hosts: what a `Host` header may hold, and the one form in which a hostname is stored.

Imports nothing of ours. Sources: RFC 9110 §7.2 (Host), RFC 3986 §3.2.2, RFC 1123 §2.1 (LDH labels), RFC 5890
(A-labels). Docker's reference grammar has no underscore in a domain either.
"""

import ipaddress
import re
from functools import lru_cache

import idna

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AUTHORITY = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?(?::(?P<port>[0-9]{{1,5}}))?")
_AUTHORITY_IPV6 = re.compile(r"\[(?P<address>[0-9a-f:.]{2,45})\](?::(?P<port>[0-9]{1,5}))?")
MAX_HOST_LENGTH = 253
MAX_PORT = 65535


class HostInvalid(ValueError):
    """Text that is no host. The message says what is wrong with it."""


@lru_cache(maxsize=8192)
def parse_authority(text: str) -> tuple[str, str]:
    """Split `host[:port]` into the normalised host and the port's digits ("" for none).

    Lower case, no trailing dot, IPv6 in brackets and in RFC 5952's short form. Raises HostInvalid.
    """
    lowered = text.lower()
    match = _AUTHORITY.fullmatch(lowered)
    if match is not None:
        host = match["name"]
        if len(host) > MAX_HOST_LENGTH:
            raise HostInvalid(f"the host is longer than {MAX_HOST_LENGTH} characters")
    else:
        match = _AUTHORITY_IPV6.fullmatch(lowered)
        if match is None:
            raise HostInvalid("the host is malformed")
        try:
            host = f"[{ipaddress.IPv6Address(match['address']).compressed}]"
        except ValueError:
            raise HostInvalid("the host is no IPv6 address") from None
    port = match["port"] or ""
    if port and not 0 < int(port) <= MAX_PORT:
        raise HostInvalid("the port is not between 1 and 65535")
    return host, port


def normalise_hostname(text: str) -> str:
    """The stored form of a hostname that a person typed: an IDN becomes A-labels (UTS #46, non-transitional).

    Raises HostInvalid: empty, a port, a path, a label that IDNA refuses.
    """
    name = text.strip().rstrip(".").lower()
    if not name:
        raise HostInvalid("give a hostname, such as docker.acme.com")
    if "/" in name or "://" in name:
        raise HostInvalid("give the hostname alone, without scheme or path, such as docker.acme.com")
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise HostInvalid(f"“{text.strip()}” is not a valid internationalised name: {error}") from None
    try:
        host, port = parse_authority(name)
    except HostInvalid as error:
        raise HostInvalid(f"“{text.strip()}” is not a hostname: {error}") from None
    if port:
        raise HostInvalid("give the hostname without a port: the same name is served on every port")
    return host


def is_ip_address(host: str) -> bool:
    """Whether a normalised host is an IPv4 or IPv6 literal."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True

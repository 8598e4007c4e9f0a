"""The addresses (URLs) that the facade sends requests to, read strictly and in one place.

A URL here comes from an operator, from a registry's challenge or from its `Location`. It is parsed once, and the
connection goes to exactly what was parsed, so that no second parser can disagree about the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urljoin, urlsplit

from routing.core.grammar.hosts import ends_in_number

MAX_URL_LENGTH = 16_384
# A request for a token names hundreds of repositories in its query.
MAX_QUERY_LENGTH = 49_152

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 leaves a URL nothing but printable ASCII; the backslash is what browsers and libraries disagree about.
_PRINTABLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class RegistryUrl:
    """An http or https URL, in parts.

    `host` is lower-case and without brackets, `port` is always explicit, `path` is the request target: path and query,
    byte for byte. A fragment is dropped, since it is never sent.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port: what a `Host` header carries and what people read."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The web origin (RFC 6454), such as `https://ghcr.io`."""
        return f"{self.scheme}://{self.authority}"

    @property
    def ip_literal(self) -> str | None:
        """The host where it is an IP address, else None."""
        return self.host if ":" in self.host or ends_in_number(self.host) else None


def parse_registry_url(url: str) -> RegistryUrl:
    """Read an absolute http or https URL. Raises `ValueError`, whose message says why without repeating the URL."""
    query_length = len(url.partition("?")[2])
    if query_length > MAX_QUERY_LENGTH or len(url) - query_length > MAX_URL_LENGTH:
        raise ValueError("the address is too long")
    if not _PRINTABLE.fullmatch(url):
        raise ValueError("the address holds characters that no URL may hold")
    parts = _split(url)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.netloc:
        raise ValueError("the address is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError("the address carries a user name or password")
    path = parts.path or "/"
    if not path.startswith("/"):
        raise ValueError("the address is not a valid URL")
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[scheme]
    # Cut from the text itself: `?` with nothing behind it is part of the request target, and urlsplit forgets it.
    query = url.split("#", 1)[0].partition("?")
    return RegistryUrl(scheme, _host(parts), port, path + query[1] + query[2])


def resolve_location(base: str, location: str) -> str:
    """Resolve a `Location` (RFC 9110 §10.2.2) against the URL that answered it, and check its form.

    An absolute one comes back byte for byte: CDN locations are signed. Raises `ValueError` as `parse_target` does.
    """
    if len(location) > MAX_URL_LENGTH:
        raise ValueError("the address is too long")
    absolute = location if re.match(r"(?i)https?://", location) else urljoin(base, location)
    parse_registry_url(absolute)
    return absolute


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("the address is not a valid URL") from None
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    try:
        if ":" in host:
            return str(IPv6Address(host))
        if ends_in_number(host):
            return str(IPv4Address(host))
    except ValueError:
        raise ValueError("the address names a malformed IP address") from None
    if len(host) > 254 or not _HOST_NAME.fullmatch(host):
        raise ValueError("the address names no valid host")
    return host

"""The addresses (URLs) that the facade sends requests to, read strictly and in one place.

A URL here comes from an operator, from a registry's challenge or from its `Location`. It is parsed once, and the
connection goes to exactly what was parsed, so that no second parser can disagree about the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from routing.core.grammar.hosts import ends_in_number

MAX_URL_LENGTH = 16_384
# A request for a token names hundreds of repositories in its query.
MAX_QUERY_LENGTH = 49_152

# A host name has 253 characters at most, and there is a scheme before it and a port behind it.
_MAX_PLACE_LENGTH = 300

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 leaves a URL nothing but printable ASCII; the backslash is what browsers and libraries disagree about.
_PRINTABLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL says before its path. Few places are asked again and again, so what is worked out of them is kept."""

    scheme: str
    host: str
    port: int
    authority: str
    ip_literal: str | None


class RegistryUrl(NamedTuple):
    """An http or https URL, in parts.

    `host` is lower-case and without brackets, `port` is always explicit, `path` is the request target: path and query,
    byte for byte. A fragment is dropped, since it is never sent. `authority` is the host and, where it is not the
    scheme's own, the port: what a `Host` header carries and what people read. `ip_literal` is the host where it is an
    IP address, else None.
    """

    scheme: str
    host: str
    port: int
    path: str
    authority: str
    ip_literal: str | None = None

    @property
    def origin(self) -> str:
        """The web origin (RFC 6454), such as `https://ghcr.io`."""
        return f"{self.scheme}://{self.authority}"


def parse_registry_url(url: str) -> RegistryUrl:
    """Read an absolute http or https URL. Raises `ValueError`, whose message says why without repeating the URL."""
    query_length = len(url.partition("?")[2])
    if query_length > MAX_QUERY_LENGTH or len(url) - query_length > MAX_URL_LENGTH:
        raise ValueError("the address is too long")
    if not _PRINTABLE.fullmatch(url):
        raise ValueError("the address holds characters that no URL may hold")
    url = url.partition("#")[0]
    # RFC 3986 §3.2: the authority ends at the first of these.
    start = url.find("://") + 3
    slash, question = url.find("/", start), url.find("?", start)
    end = min(slash if slash >= 0 else len(url), question if question >= 0 else len(url))
    place = _place(url[:end]) if end <= _MAX_PLACE_LENGTH else _read_place(url[:end])
    path = url[end:] if slash == end else f"/{url[end:]}"
    return RegistryUrl(place.scheme, place.host, place.port, path, place.authority, place.ip_literal)


def resolve_location(base: str, location: str) -> str:
    """Resolve a `Location` (RFC 9110 §10.2.2) against the URL that answered it, and check its form.

    An absolute one comes back byte for byte: CDN locations are signed. Raises `ValueError`, as `parse_registry_url`.
    """
    if len(location) > MAX_URL_LENGTH:
        raise ValueError("the address is too long")
    absolute = location if re.match(r"(?i)https?://", location) else urljoin(base, location)
    parse_registry_url(absolute)
    return absolute


def _read_place(text: str) -> _Place:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("the address is not a valid URL") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.netloc:
        raise ValueError("the address is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError("the address carries a user name or password")
    if parts.path:
        raise ValueError("the address is not a valid URL")
    host = _host(parts)
    port = _DEFAULT_PORTS[scheme] if port is None else port
    shown = f"[{host}]" if ":" in host else host
    literal = host if ":" in host or ends_in_number(host) else None
    return _Place(scheme, host, port, shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}", literal)


_place = lru_cache(maxsize=1024)(_read_place)


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

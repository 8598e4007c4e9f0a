"""How the client sees this server: from the connection, or from a proxy that is trusted.

`X-Forwarded-Proto` and `X-Forwarded-Host` count only where the peer's address is in FACADE_TRUSTED_PROXIES: from
anybody else they would choose the realm to which a client brings its credentials. `Forwarded` (RFC 7239) counts there
too, unless one of X-Forwarded-* is there: most proxies write these alone, and pass on a `Forwarded` of the client's.
"""

import ipaddress
import logging
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.core.signals import setting_changed

from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.core.grammar.proxies import Network, parse_proxy
from routing.dataplane.request.forwarded_field import address_of, parse_forwarded
from routing.dataplane.request.gateways import default_gateways
from routing.dataplane.request.responses import PublicOrigin
from routing.request_id import is_request_id, new_request_id

logger = logging.getLogger(__name__)

#: By which it is known that a proxy speaks by these.
X_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
#: What stands for the address of whoever came by a Unix socket.
UNIX = "unix"
# What one subscriber gets of IPv6, at least (RFC 6177 §2).
_IPV6_PREFIX = 64


@cache
def trusted_networks() -> tuple[Network, ...]:
    """The networks of FACADE_TRUSTED_PROXIES. Raises ValueError for text that is none."""
    named = [parse_proxy(text) for text in settings.FACADE_TRUSTED_PROXIES]
    gateways = default_gateways() if None in named else []
    if None in named and not gateways:
        logger.warning("FACADE_TRUSTED_PROXIES names the gateway, but this machine has no default gateway")
    networks = [network for each in named if each is not None for network in each]
    return (*networks, *(ipaddress.ip_network(address) for address in gateways))


def _forget(**_: object) -> None:
    trusted_networks.cache_clear()
    is_trusted.cache_clear()


setting_changed.connect(_forget)


# Bounded: the public internet has more addresses than this process has memory.
@lru_cache(maxsize=4096)
def is_trusted(address: str) -> bool:
    """Whether the peer is a proxy that this deployment trusts. Who may use FACADE_SOCKET is one."""
    if address == UNIX:
        return bool(settings.FACADE_SOCKET)
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(peer in network for network in trusted_networks())


def effective_host(fields: Mapping[str, str], peer_address: str) -> str:
    """The Host field, raw, or what a trusted proxy says that it was. `fields` are by their names in lower case."""
    said = ""
    if "x-forwarded-host" in fields and is_trusted(peer_address):
        said = fields["x-forwarded-host"].strip()
    elif "forwarded" in fields:
        said = _way(fields, peer_address).host
    return said or fields.get("host", "")


def forwarded_scheme(fields: Mapping[str, str], peer_address: str) -> str:
    """The scheme that a trusted proxy says the client came by, http or https; "" where none says so.

    Of a list, which proxies in a row make, the first is the outermost's word, as Django reads it. (X-Forwarded-Host has
    to be one name: where proxies add to what a client sent, the first would let it choose which host it gets.)
    """
    if not is_trusted(peer_address):
        return ""
    if "forwarded" in fields and (said := _way(fields, peer_address).scheme):
        return said
    first = fields.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return first if first in ("http", "https") else ""


def public_origin(fields: Mapping[str, str], peer_address: str, scheme: str) -> PublicOrigin:
    """The scheme and authority under which the client reached us. `scheme` is the connection's own."""
    scheme = forwarded_scheme(fields, peer_address) or ("https" if scheme == "https" else "http")
    try:
        host, port = parse_authority(effective_host(fields, peer_address))
    except InvalidHost:
        return PublicOrigin(scheme, "")
    return PublicOrigin(scheme, f"{host}:{port}" if port else host)


def forwarded_request_id(given: str, peer_address: str) -> str:
    """The id that a trusted proxy gave in X-Request-ID, or a new one: nobody else chooses what is in the history."""
    return given if is_request_id(given) and is_trusted(peer_address) else new_request_id()


def forwarded_client(fields: Mapping[str, str], peer_address: str) -> str:
    """The address of whoever asks: the last one in X-Forwarded-For that isn't a trusted proxy's own.

    Read from the right: each proxy appends the peer that it saw, so what stands left of the first untrusted address
    was written by the client itself. `fields` are by their names in lower case.
    """
    if "forwarded" in fields and (said := _way(fields, peer_address).client):
        return said
    address = peer_address
    hops = [hop.strip() for hop in fields.get("x-forwarded-for", "").split(",")]
    while hops and is_trusted(address):
        hop = hops.pop()
        try:
            address = str(ipaddress.ip_address(hop))
        except ValueError:
            break
    return address


class _Way(NamedTuple):
    """What trusted proxies say by Forwarded of the way from the client to the outermost of them; "" for nothing."""

    scheme: str = ""
    host: str = ""
    client: str = ""


def _way(fields: Mapping[str, str], peer_address: str) -> _Way:
    """Read from the right, as X-Forwarded-For is: an element counts where a trusted proxy has written it.

    Of the schemes and hosts that it finds so, the outermost proxy's count.
    """
    way = _Way()
    if not is_trusted(peer_address) or any(name in fields for name in X_FORWARDED):
        return way
    address = peer_address
    for element in reversed(parse_forwarded(fields["forwarded"])):
        scheme = element.get("proto", "").lower()
        address = address_of(element.get("for", ""))
        way = _Way(
            scheme if scheme in ("http", "https") else way.scheme,
            element.get("host") or way.host,
            address or way.client,
        )
        if not is_trusted(address):
            break
    return way


@lru_cache(maxsize=4096)
def share_of(address: str) -> str:
    """Whose share an address counts towards: its own, of IPv6 its network's."""
    try:
        peer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(peer, ipaddress.IPv4Address):
        return str(peer)
    if peer.ipv4_mapped:
        return str(peer.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(peer), _IPV6_PREFIX), strict=False))

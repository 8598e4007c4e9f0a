"""The guard against server-side request forgery: what the facade dials is what was checked.

Tenants name registries, and registries name token realms: neither may make the facade talk to the machines beside it.
Checking a name before use is not enough, since a name can answer otherwise a moment later (DNS rebinding). So the check
sits under the connection pool, which has no other way out: it looks the name up, judges each address, and dials the
very address that it judged. TLS is still verified against the name.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from routing.dns.addresses import NoAddress
from routing.registries.addresses import AddressScope, classify_address
from routing.registries.exceptions import ForbiddenAddress, RegistryTimeout, RegistryUnreachable
from routing.registries.http.connection import Connection
from routing.registries.http.tls import ResumingContext, system_context
from routing.registries.url import RegistryUrl, parse_registry_url

Resolver = Callable[[str, str], Awaitable[Sequence[str]]]
"""Looks a host name up: (name, share) → addresses, best first. `share` is who has to wait where too many names are
looked up at once. Raises `NoAddress`, and `TimeoutError` where the name servers are silent."""

MAX_ADDRESSES_TRIED = 4


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What the operator allows beyond https to public addresses.

    `allow_private` covers private, loopback and carrier-grade NAT ranges. Link-local, metadata, multicast, unspecified
    and reserved addresses stay refused: no registry lives there, and instance credentials do.
    """

    allow_insecure: bool = False
    allow_private: bool = False

    def refusal(self, address: str) -> str | None:
        """Say why a literal address must not be dialled, in words that finish "it is at …"; None when it may be."""
        reach, words = classify_address(address)
        if reach is AddressScope.PUBLIC:
            return None
        if reach is AddressScope.PRIVATE:
            return None if self.allow_private else f"{words}; this facade allows public addresses only"
        return f"{words}, which is never allowed"


def check_url(url: str, policy: GuardPolicy) -> RegistryUrl:
    """Read a URL and judge what can be judged without a look-up: form, scheme and, where the host is one, IP address.

    For a URL that is only handed on (a blob's `Location`) this is the whole check; for one that is dialled, the backend
    judges the address again. Raises `ForbiddenAddress`.
    """
    try:
        target = parse_registry_url(url)
    except ValueError as error:
        raise ForbiddenAddress("", f"refused to use an address: {error}") from None
    if target.scheme == "http" and not policy.allow_insecure:
        raise ForbiddenAddress(target.authority, f"{target.authority} is not https, which this facade calls for")
    if target.ip_literal and (refusal := policy.refusal(target.ip_literal)):
        raise ForbiddenAddress(target.authority, f"{target.authority} is {refusal}")
    return target


class GuardedDialer:
    """Connects to allowed addresses only.

    `connect_seconds` covers the look-up, every attempt and the TLS handshake.
    """

    def __init__(
        self, policy: GuardPolicy, resolver: Resolver, connect_seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._tls = tls

    @property
    def tls(self) -> ssl.SSLContext:
        """The context for https. The system's is loaded when it is first needed."""
        if self._tls is None:
            self._tls = system_context()
        return self._tls

    async def dial(
        self, target: RegistryUrl, make: Callable[[], Connection], share: str, deadline: float
    ) -> Connection:
        """Look up, judge, dial, by the deadline at the latest (the event loop's time).

        Raises `ForbiddenAddress`, `RegistryUnreachable`, `RegistryTimeout`.
        """
        deadline = min(deadline, asyncio.get_running_loop().time() + self._connect_seconds)
        addresses = await self.allowed_addresses(target, share, deadline)
        connected = await _connect(target, addresses, deadline)
        try:
            return await self._open(target, make, connected, deadline)
        except BaseException:
            connected.close()
            raise

    async def allowed_addresses(self, target: RegistryUrl, share: str, deadline: float) -> Sequence[str]:
        """The addresses of a host that may be dialled, best first, by the deadline (the event loop's time).

        Raises `ForbiddenAddress`, `RegistryUnreachable`, `RegistryTimeout`.
        """
        host = target.host
        if target.ip_literal:
            found: Sequence[str] = [target.ip_literal]
        else:
            try:
                async with asyncio.timeout_at(deadline):
                    found = await self._resolver(host, share)
            except TimeoutError:
                raise RegistryTimeout(host, f"the name {host} could not be looked up in time") from None
            except NoAddress as problem:
                raise RegistryUnreachable(host, f"the name {host} could not be looked up: {problem}") from None
        refusals = {address: self._policy.refusal(address) for address in found}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if refusals and not allowed:
            raise ForbiddenAddress(host, f"{host} is at {next(iter(refusals.values()))}")
        if not allowed:
            raise RegistryUnreachable(host, f"the name {host} has no address")
        return _alternate_families(allowed)[:MAX_ADDRESSES_TRIED]

    def remember_session(self, tls_object: object) -> None:
        """Resume this TLS session the next time that its server is dialled."""
        if isinstance(self.tls, ResumingContext):
            self.tls.remember(tls_object)

    async def _open(
        self, target: RegistryUrl, make: Callable[[], Connection], connected: socket.socket, deadline: float
    ) -> Connection:
        loop, host = asyncio.get_running_loop(), target.authority
        if target.scheme == "http":
            return (await loop.create_connection(make, sock=connected))[1]
        left = max(deadline - loop.time(), 0.001)
        try:
            async with asyncio.timeout_at(deadline):
                # A name's last dot is no part of the name in certificates (RFC 6066 §3).
                _, connection = await loop.create_connection(
                    make,
                    sock=connected,
                    ssl=self.tls,
                    server_hostname=target.host.removesuffix("."),
                    # The event loop's own limit, for a transport that outlives this task, must not come first.
                    ssl_handshake_timeout=left + 1,
                )
                return connection
        except TimeoutError:
            raise RegistryTimeout(host, f"{host} did not finish connecting in time") from None
        except OSError as error:
            raise RegistryUnreachable(host, f"{host} could not be reached: {_tls_reason(error)}") from None


async def _connect(target: RegistryUrl, addresses: Sequence[str], deadline: float) -> socket.socket:
    """A connection to the first address that takes one; each gets an equal share of the time that is left."""
    loop, host, slow = asyncio.get_running_loop(), target.host, False
    for position, address in enumerate(addresses):
        share = max((deadline - loop.time()) / (len(addresses) - position), 0.001)
        dialling = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            dialling.setblocking(False)
            async with asyncio.timeout(share):
                await loop.sock_connect(dialling, (address, target.port))
            return dialling
        except TimeoutError:
            dialling.close()
            slow = True
        except OSError:
            dialling.close()
        except BaseException:
            dialling.close()
            raise
    if slow:
        raise RegistryTimeout(host, f"{host} did not accept a connection on port {target.port} in time")
    raise RegistryUnreachable(host, f"{host} accepts no connection on port {target.port}")


def _tls_reason(error: OSError) -> str:
    """Why TLS failed, in words: an operator with an own certificate authority has to be told."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return "it does not speak TLS, or not as it should"


def _alternate_families(addresses: Sequence[str]) -> list[str]:
    """Take IPv4 and IPv6 in turn, so that a network with a broken family reaches the other one soon (RFC 8305 §4)."""
    first_is_ipv6 = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) == first_is_ipv6]
    other = [address for address in addresses if (":" in address) != first_is_ipv6]
    return [address for pair in zip_longest(same, other) for address in pair if address is not None]

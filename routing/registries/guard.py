"""The guard against server-side request forgery: what the facade dials is what was checked.

Tenants name registries, and registries name token realms: neither may make the facade talk to the machines beside it.
Checking a name before use is not enough, since a name can answer otherwise a moment later (DNS rebinding). So the check
sits in the network backend under the connection pool: it looks the name up itself, judges each address, and dials the
very address that it judged. TLS is still verified against the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

import httpcore2

from routing.registries.addresses import AddressScope, classify_address
from routing.registries.exceptions import ForbiddenAddress, RegistryTimeout, RegistryUnreachable
from routing.registries.stream import SocketStream
from routing.registries.url import RegistryUrl, parse_registry_url

Resolver = Callable[[str, int], Sequence[str]]
"""Looks a host name up: (name, port) → addresses. May block; runs in a thread. Raises `OSError` when there are none."""

MAX_ADDRESSES_TRIED = 4
_RESOLVER_THREADS = 8


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


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system (hosts file, DNS), in its order of preference (RFC 6724)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to allowed addresses only. A connection pool made with it has no other way out."""

    def __init__(self, policy: GuardPolicy, resolver: Resolver = system_resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._dialler = httpcore2.AnyIOBackend()
        # Its own threads: look-ups that hang must not take those which the rest of the process waits for.
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="registry-resolver")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Look up, judge, dial. Raises `ForbiddenAddress`, `RegistryUnreachable`, `RegistryTimeout`.

        `timeout` (seconds) covers the look-up and every attempt; each address gets an equal share of what is left.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout if timeout is not None else 60.0)
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self.allowed_addresses(host, port)
        except TimeoutError:
            raise RegistryTimeout(host, f"the name {host} could not be looked up in time") from None
        slow = False
        for position, address in enumerate(addresses):
            share = (deadline - loop.time()) / (len(addresses) - position)
            try:
                return SocketStream(
                    await self._dialler.connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
                )
            except httpcore2.ConnectTimeout:
                slow = True
            except httpcore2.ConnectError:
                continue
        if slow:
            raise RegistryTimeout(host, f"{host} did not accept a connection on port {port} in time")
        raise RegistryUnreachable(host, f"{host} accepts no connection on port {port}")

    async def allowed_addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host that may be dialled, best first. Raises `ForbiddenAddress`, `RegistryUnreachable`."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._resolver, host, port)
        except (OSError, UnicodeError):
            raise RegistryUnreachable(host, f"the name {host} could not be looked up") from None
        refusals = {address: self._policy.refusal(address) for address in found}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if refusals and not allowed:
            raise ForbiddenAddress(host, f"{host} is at {next(iter(refusals.values()))}")
        if not allowed:
            raise RegistryUnreachable(host, f"the name {host} has no address")
        return _alternate_families(allowed)[:MAX_ADDRESSES_TRIED]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise ForbiddenAddress("", "a registry is never reached through a local socket")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def close(self) -> None:
        """Let the look-up threads end. One that hangs is left to finish by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _alternate_families(addresses: Sequence[str]) -> list[str]:
    """Take IPv4 and IPv6 in turn, so that a network with a broken family reaches the other one soon (RFC 8305 §4)."""
    first_is_ipv6 = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) == first_is_ipv6]
    other = [address for address in addresses if (":" in address) != first_is_ipv6]
    return [address for pair in zip_longest(same, other) for address in pair if address is not None]

"""Look up the addresses of host names without a thread: each look-up is a few datagrams and a timer.

The system's `getaddrinfo` blocks a thread until its name servers answer, whatever the caller's deadline. Eight names
with a silent name server would hold eight threads, and everybody's look-ups with them. Here a name that is silent costs
a place of its share (a tenant's) and nothing of anybody else's.

The hosts file and resolv.conf count as they do for the system. Other sources of nsswitch.conf(5), such as LDAP or
multicast DNS, are not asked.
"""

from __future__ import annotations

import asyncio
import socket
import time
import traceback
from collections.abc import Sequence
from itertools import islice

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from routing.dns import system
from routing.dns.memory import NameMemory, Remembered
from routing.dns.shares import FairPlaces

# Look-ups at once: of all together, and of one share.
MAX_LOOK_UPS = 64
MAX_LOOK_UPS_PER_SHARE = 8
# How long the slower of the two families is waited for once the other one has answered. RFC 8305 §3 says 50 ms between
# machines; name servers that are asked for the first time take longer.
_OTHER_FAMILY_SECONDS = 0.25
_FAMILIES = ("AAAA", "A")
# Of one family. Four are tried in the end; a name server may send thousands.
_MAX_ADDRESSES = 8


class NoAddress(Exception):
    """The name has no address, or nobody could say. The message says which."""


# One memory for a process: a worker's event loop, and the loops of single requests under WSGI.
_memory = NameMemory()


class AddressResolver:
    """Looks names up, each once at a time however many wait for it. For one event loop; close it with `aclose`.

    `seconds` is how long one look-up may take in all.
    """

    def __init__(
        self,
        seconds: float,
        *,
        memory: NameMemory = _memory,
        hosts: str = system.HOSTS,
        resolv_conf: str = system.RESOLV_CONF,
        port: int = 53,
    ) -> None:
        self._seconds = seconds
        self._memory = memory
        self._hosts = hosts
        self._resolv_conf = resolv_conf
        self._port = port
        self._places = FairPlaces(MAX_LOOK_UPS, MAX_LOOK_UPS_PER_SHARE)
        self._flights: dict[str, asyncio.Task[Sequence[str]]] = {}

    async def __call__(self, name: str, share: str = "") -> Sequence[str]:
        """The addresses of a name, best first; for `share`, where too many names are being looked up.

        Raises `NoAddress`, and `TimeoutError` where the name servers are silent or were a moment ago.
        """
        name = name.lower()
        if found := system.hosts_addresses(name, self._hosts):
            return found
        while True:
            if (known := self._memory.get(name)) is not None:
                return _told(known)
            if name in self._flights:
                # Shielded: who leaves early takes nobody else's answer along. In no variable: what it raises holds
                # this frame, and would be held by it.
                return await asyncio.shield(self._flights[name])
            await self._places.acquire(share)
            if name in self._flights or self._memory.get(name) is not None:
                # While this one waited for its place, somebody else's look-up began or ended.
                self._places.release(share)
                continue
            return await asyncio.shield(self._take_off(name, share))

    async def aclose(self) -> None:
        """End what is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _take_off(self, name: str, share: str) -> asyncio.Task[Sequence[str]]:
        flight = asyncio.get_running_loop().create_task(self._look_up(name))
        self._flights[name] = flight

        def landed(done: asyncio.Task[Sequence[str]]) -> None:
            del self._flights[name]
            self._places.release(share)
            if not done.cancelled():
                # Retrieved, even where everybody who waited has left.
                done.exception()

        flight.add_done_callback(landed)
        return flight

    async def _look_up(self, name: str) -> Sequence[str]:
        is_silent = False
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._ask(name)
        except (TimeoutError, dns.exception.Timeout):
            is_silent = True
        if is_silent:
            self._memory.keep_silent(name)
            # Not while the other one is handled: that holds the deadline, and with it this task, which keeps what is
            # raised here. Only the garbage collector would find the three of them.
            raise TimeoutError
        if found is None:
            raise NoAddress("there is no such name, or it has no address")
        self._memory.keep(name, found)
        return found.addresses

    async def _ask(self, name: str) -> Remembered | None:
        """What the name servers say, of the first name of the search list that has an address; None where none has."""
        try:
            resolver = system.configured_resolver(self._resolv_conf, self._port)
            names = system.names_to_ask(resolver, name)
        except (OSError, ValueError) as problem:
            raise NoAddress(str(problem)) from None
        failed = False
        for asked in names:
            try:
                found = await _both_families(resolver, asked, self._seconds)
            except dns.resolver.NoNameservers:
                failed = True
                continue
            if found is not None:
                return found
        if failed:
            raise NoAddress("its name servers answered with an error")
        return None


def _told(known: Remembered) -> Sequence[str]:
    if not known.addresses:
        raise TimeoutError
    return known.addresses


async def _both_families(
    resolver: dns.asyncresolver.Resolver, name: dns.name.Name, seconds: float
) -> Remembered | None:
    """The addresses of one name. Raises what the better of the two questions raised, where neither has an answer."""
    loop = asyncio.get_running_loop()
    questions = [loop.create_task(_question(resolver, name, family, seconds)) for family in _FAMILIES]
    try:
        await asyncio.wait(questions, return_when=asyncio.FIRST_COMPLETED)
        if any(question.done() and not question.exception() and question.result() for question in questions):
            await asyncio.wait(questions, timeout=_OTHER_FAMILY_SECONDS)
        else:
            await asyncio.wait(questions)
    finally:
        for question in questions:
            question.cancel()
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
    found = [outcome for outcome in outcomes if isinstance(outcome, Remembered)]
    if found:
        addresses = [address for answer in found for address in answer.addresses]
        return Remembered(tuple(_reachable_first(addresses)), min(answer.until for answer in found))
    problem = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)
    # What is raised holds this frame, which must not hold it, or only the garbage collector would find them.
    questions.clear()
    outcomes.clear()
    try:
        if problem is not None:
            raise problem
        return None
    finally:
        del problem


async def _question(
    resolver: dns.asyncresolver.Resolver, name: dns.name.Name, family: str, seconds: float
) -> Remembered | None:
    try:
        answer = await resolver.resolve(
            name,
            family,
            raise_on_no_answer=False,
            search=False,
            lifetime=seconds,
            backend=dns.asyncbackend.get_backend("asyncio"),
        )
    except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
        return None
    except dns.exception.Timeout as error:
        _forget_frames(error)
        raise
    except (dns.exception.DNSException, OSError, ValueError) as error:
        _forget_frames(error)
        raise dns.resolver.NoNameservers from error
    except asyncio.CancelledError as error:
        _forget_frames(error)
        raise
    if answer.rrset is None:
        return None
    left = max(0.0, answer.expiration - time.time())
    addresses = tuple(record.address for record in islice(answer, _MAX_ADDRESSES))
    return Remembered(addresses, time.monotonic() + left)


def _forget_frames(error: BaseException) -> None:
    """What came of each try holds the frame of the look-up, and that holds it: a circle of some hundred objects."""
    traceback.clear_frames(error.__traceback__)


def _reachable_first(addresses: Sequence[str]) -> list[str]:
    """Those that this machine has a route to before the others (RFC 6724 §6, rule 1), else in the given order."""
    return sorted(addresses, key=lambda address: not _has_route(address))


def _has_route(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing: the kernel only picks a route.
            probe.connect((address, 443))
        except OSError:
            return False
    return True

"""Look up the addresses that a name has for everybody: by the name servers that are asked for proofs, and nothing else.

Unlike `addresses.py`, which finds what this machine would connect to: there the hosts file and search list count.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from routing.dns.name_servers import NameServer
from routing.dns.questions import MAX_ALIASES, Outcome, knows, new_resolver

_FAMILIES = ("A", "AAAA")


class PublishedAddresses(NamedTuple):
    """The outcome of both families' look-ups, and the addresses (with FOUND only) in their one form, IPv4 first."""

    outcome: Outcome
    addresses: tuple[str, ...] = ()


async def look_up_addresses(name: str, servers: Sequence[NameServer], seconds: float) -> PublishedAddresses:
    """The A and AAAA records of a name, asked of `servers` (none: the system's), in `seconds` at most.

    Where one family could not be looked up, nothing is said of the other. Never raises for what the DNS says or not.
    """
    try:
        resolver = new_resolver(dns.asyncresolver.Resolver, servers)
        asked = dns.name.from_text(name)
    except (dns.exception.DNSException, OSError):
        return PublishedAddresses(Outcome.FAILED)
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.gather(*(_of_family(resolver, asked, family, seconds) for family in _FAMILIES))
    except TimeoutError:
        return PublishedAddresses(Outcome.TIMEOUT)
    for outcome in (Outcome.FAILED, Outcome.TIMEOUT):
        if any(each.outcome is outcome for each in found):
            return PublishedAddresses(outcome)
    addresses = tuple(address for each in found for address in each.addresses)
    return PublishedAddresses(Outcome.FOUND, addresses) if addresses else found[0]


async def _of_family(
    resolver: dns.asyncresolver.Resolver, name: dns.name.Name, family: str, seconds: float
) -> PublishedAddresses:
    backend = dns.asyncbackend.get_backend("asyncio")
    try:
        for _ in range(MAX_ALIASES + 1):
            answer = await resolver.resolve(
                name, family, raise_on_no_answer=False, search=False, lifetime=seconds, backend=backend
            )
            if answer.rrset is not None:
                return PublishedAddresses(Outcome.FOUND, tuple(str(ip_address(record.address)) for record in answer))
            if answer.canonical_name == name:
                return PublishedAddresses(Outcome.NO_RECORD if knows(answer) else Outcome.FAILED)
            # An alias whose target the server didn't add.
            name = answer.canonical_name
    except dns.resolver.NXDOMAIN:
        return PublishedAddresses(Outcome.NO_NAME)
    except dns.exception.Timeout:
        return PublishedAddresses(Outcome.TIMEOUT)
    except (dns.exception.DNSException, OSError, ValueError):
        pass
    return PublishedAddresses(Outcome.FAILED)

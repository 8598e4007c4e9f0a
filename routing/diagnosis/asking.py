"""Asks a hostname at one of its addresses, as a client that was led there would, by the guarded client.

The guard holds here too: whose DNS leads into this facade's own network learns nothing by the doctor. The facade's own
addresses (FACADE_ADDRESSES) are asked wherever they are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from routing.conf import client_limits, guard_policy
from routing.registries.addresses import AddressScope, classify_address
from routing.registries.client import ClientLimits, RegistryClient, RegistryResponse
from routing.registries.first_contact import unverified_context
from routing.registries.guard import GuardPolicy

#: Of a body so much is read; no answer that the doctor has a use for is longer.
MAX_BODY_BYTES = 4 * 1024 * 1024
_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """How clients reach a hostname: by what scheme, under which name (a wildcard's sample), at which port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class DoctorsPolicy(GuardPolicy):
    """The deployment's guard, which lets the facade's own addresses be asked too."""

    own: frozenset[str] = frozenset()

    def refusal(self, address: str) -> str | None:
        """As of the guard; of the facade's own, only those that are never allowed are refused."""
        if address in self.own and classify_address(address)[0] is not AddressScope.FORBIDDEN:
            return None
        return GuardPolicy.refusal(self, address)


def doctors_policy(place: Place, own: frozenset[str]) -> DoctorsPolicy:
    """The guard for asking a place; plain HTTP only where clients come by it."""
    guard = guard_policy()
    return DoctorsPolicy(guard.allow_insecure or place.scheme == "http", guard.allow_private, own)


def client_at(place: Place, addresses: Sequence[str], policy: GuardPolicy, *, verifies: bool) -> RegistryClient:
    """A client that finds a place's host at these addresses and no other host at all. Close it with `aclose`.

    `verifies`: whether it looks at the certificate. Nothing secret is sent by one that doesn't.
    """

    async def resolve(name: str, share: str) -> Sequence[str]:
        return addresses if name == place.host.strip("[]") else ()

    return RegistryClient(policy, _limits(), resolver=resolve, tls=None if verifies else unverified_context())


def registries_client() -> RegistryClient:
    """A client for the registries to which a client is led, under the deployment's own guard."""
    return RegistryClient(guard_policy(), _limits())


def _limits() -> ClientLimits:
    return replace(client_limits(), max_body_bytes=MAX_BODY_BYTES)


def error_of(answer: RegistryResponse) -> str:
    """What an answer says is wrong, as the OCI distribution spec has errors; else its status."""
    try:
        (first, *_) = json.loads(answer.body)["errors"]
        return f"{answer.status} {first['code']}: {first.get('message', '')}"
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status}"

"""The way to the backing registries: one client for each event loop, and what a registry was found to ask for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

from routing.conf import client_limits, guard_policy
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import RegistryProbe, probe_registry
from routing.registries.probes.repository import probe_challenge

_LEARNED_SECONDS = 300.0
_MAX_LEARNED = 2048
# Registries choose what they name as their realms. Longer ones than any that is known are asked for anew.
_MAX_LEARNED_LENGTH = 1024


class _Learned(NamedTuple):
    """What a registry, or one of its repositories, was found to ask for; `until` is in monotonic time."""

    until: float
    auth: str
    realm: str
    service: str


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, RegistryClient] = WeakKeyDictionary()
_learned: dict[str, _Learned] = {}


def new_client() -> RegistryClient:
    """A client as the deployment sets it up."""
    return RegistryClient(guard_policy(), client_limits())


def lasting_client() -> RegistryClient:
    """The client of this event loop, which serves other requests too. `close` ends it."""
    loop = asyncio.get_running_loop()
    return _clients.get(loop) or _clients.setdefault(loop, new_client())


async def with_auth_details(client: RegistryClient, registry: RegistryEntry, repository: str = "") -> RegistryEntry:
    """The registry with what it asks for: from the table, or, where no probe has found it out yet, asked now.

    `repository` is the upstream name of one that is not for everybody: where the registry's ping asks for nothing, it
    is asked itself. What was learned is kept for some minutes in this process; the probe writes it down for all. Where
    the registry doesn't answer, it stays unknown.
    """
    if registry.auth in (Auth.NONE, Auth.BASIC) or (registry.auth == Auth.BEARER and registry.realm):
        return registry
    found = await _learn(registry.origin, lambda: probe_registry(client, registry.origin))
    if repository and found is not None and found.auth == Auth.NONE:
        place = f"{registry.origin}/{repository}"
        found = await _learn(place, lambda: probe_challenge(client, registry.origin, repository))
    if found is None:
        return registry
    return registry._replace(auth=found.auth, realm=found.realm, service=found.service)


async def _learn(place: str, probe: Callable[[], Awaitable[RegistryProbe]]) -> _Learned | None:
    """What is asked for at a place; None where it didn't say."""
    learned = _learned.get(place)
    if learned is None or learned.until < time.monotonic():
        found = await probe()
        if found.auth.value not in (Auth.NONE, Auth.BASIC, Auth.BEARER):
            return None
        until = time.monotonic() + _LEARNED_SECONDS
        learned = _Learned(until, found.auth.value, found.realm or "", found.service or "")
        if len(_learned) >= _MAX_LEARNED:
            _learned.clear()
        if len(place) + len(learned.realm) + len(learned.service) <= _MAX_LEARNED_LENGTH:
            _learned[place] = learned
    return learned


async def close() -> None:
    """Close this event loop's client and forget what was learned."""
    _learned.clear()
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()

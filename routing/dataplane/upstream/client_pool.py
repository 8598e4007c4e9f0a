"""The way to the backing registries: one client for each event loop, and what a registry was found to ask for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from routing.conf import client_limits, guard_policy
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import probe_registry

_LEARNED_SECONDS = 300.0
_MAX_LEARNED = 10_000

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, RegistryClient] = WeakKeyDictionary()
_learned: dict[str, tuple[float, str, str, str]] = {}


@asynccontextmanager
async def registry_client(*, persistent_loop: bool) -> AsyncIterator[RegistryClient]:
    """A client for this event loop: the loop's own where the loop lasts, else one for this block."""
    if not persistent_loop:
        async with RegistryClient(guard_policy(), client_limits()) as client:
            yield client
        return
    loop = asyncio.get_running_loop()
    client = _clients.get(loop) or _clients.setdefault(loop, RegistryClient(guard_policy(), client_limits()))
    yield client


async def with_auth_details(client: RegistryClient, registry: RegistryEntry) -> RegistryEntry:
    """The registry with what it asks for: from the table, or, where no probe has reached it yet, asked now.

    What was learned is kept for some minutes in this process; the probe writes it down for all. Where the registry
    doesn't answer, it stays unknown.
    """
    if registry.auth in (Auth.NONE, Auth.BASIC) or (registry.auth == Auth.BEARER and registry.realm):
        return registry
    found = _learned.get(registry.origin)
    if found is None or found[0] < time.monotonic():
        probe = await probe_registry(client, registry.origin)
        if probe.auth.value not in (Auth.NONE, Auth.BASIC, Auth.BEARER):
            return registry
        if len(_learned) >= _MAX_LEARNED:
            _learned.clear()
        found = (time.monotonic() + _LEARNED_SECONDS, probe.auth.value, probe.realm or "", probe.service or "")
        _learned[registry.origin] = found
    return registry._replace(auth=found[1], realm=found[2], service=found[3])


async def close() -> None:
    """Close this event loop's client and forget what was learned."""
    _learned.clear()
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()

"""Finds out where this facade is, where no setting says so: it asks itself, at the addresses of its control host.

The question is one that only this facade can answer, by its key (R18). It is asked for the control host, by TLS, since
that name always gets a certificate. What doesn't answer so is somebody else; and where the facade can't be reached from
inside, as behind some routers, nothing is known, and no name is refused for where it leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from routing.conf import client_limits, guard_policy
from routing.dataplane.itself.echo import NotThisFacade, ask_echo
from routing.dns.published import PublishedAddresses
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.registries.first_contact import unverified_context

logger = logging.getLogger(__name__)

# How often the control host's addresses are looked at: at all, and while nothing is known.
_LOOK_SECONDS, _SEARCH_SECONDS = 600.0, 30.0
# Of a name's addresses so many are asked, and so many more than the control host's are remembered.
_MAX_ASKED = 4
_MAX_KEPT = 256

Answers = Callable[[str], Awaitable[bool]]
"""Whether this facade answers at an address. Never raises."""


class OwnAddresses:
    """What was found out so far. For one event loop."""

    def __init__(self, host: str, look_up: Callable[[str], Awaitable[PublishedAddresses]], answers: Answers) -> None:
        self._host, self._look_up, self._answers = host, look_up, answers
        self._of_host: frozenset[str] = frozenset()
        self._others: dict[str, None] = {}

    @property
    def are_known(self) -> bool:
        """Whether it has found itself."""
        return bool(self._of_host)

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS if self.are_known else _SEARCH_SECONDS)

    async def look(self) -> None:
        """Look where the control host leads, and whether this is there. If not, what was known before stays."""
        found = frozenset((await self._look_up(self._host)).addresses)
        if found and found != self._of_host and await self._is_at_any(found):
            self._of_host = found
            self._others.clear()
            logger.info("this facade is at %s: names that lead elsewhere get no certificate", ", ".join(sorted(found)))

    async def include(self, addresses: Collection[str]) -> bool:
        """Whether all of these are its own. Where the control host doesn't lead is asked."""
        unknown = [address for address in addresses if address not in self._of_host and address not in self._others]
        if len(unknown) > _MAX_ASKED:
            return False
        for address, is_own in zip(unknown, await asyncio.gather(*map(self._answers, unknown)), strict=True):
            if not is_own:
                return False
            if len(self._others) >= _MAX_KEPT:
                self._others.clear()
            self._others[address] = None
        return True

    async def _is_at_any(self, addresses: Collection[str]) -> bool:
        asked = sorted(addresses)[:_MAX_ASKED]
        return any(await asyncio.gather(*map(self._answers, asked)))


async def answers_at(host: str, port: int, seconds: float, address: str) -> bool:
    """Whether this facade answers at an address, asked for the control host `host`. Never raises.

    Whose certificate it is makes no difference: the answer is signed, and the question no secret.
    """

    async def resolve(name: str, share: str) -> list[str]:
        return [address] if name == host else []

    limits = replace(client_limits(), connect_seconds=seconds, total_seconds=seconds)
    client = RegistryClient(guard_policy(), limits, resolver=resolve, tls=unverified_context())
    try:
        await ask_echo(client, f"https://{host}" if port == 443 else f"https://{host}:{port}")
    except (NotThisFacade, RegistryError):
        return False
    finally:
        await client.aclose()
    return True

"""Asks a registry by an account of the operator's, where that may be.

That is: for bytes that it has just named to nobody in particular, with the registry's account; and for whatever a
mapping publishes, with the mapping's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.remembered.anonymous import (
    OUTAGES,
    Failed,
    Finding,
    Heard,
    IsOwn,
    Located,
    Refused,
    Unusable,
    finding_of,
    hear,
    located,
    where,
)
from routing.dataplane.telemetry.counters import anonymous_request_key, counters
from routing.dataplane.upstream.manifests import aside
from routing.dataplane.upstream.own_account import AccountRefused, own_accounts, refuse_quoted
from routing.manifest_store import store
from routing.manifest_store.store import Repository
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError


class AccountVisitor:
    """Asks with the account that the registry's entry carries."""

    async def ask(
        self,
        client: RegistryClient,
        is_own: IsOwn,
        registry: RegistryEntry,
        method: str,
        repository: Repository,
        reference: str,
    ) -> Finding:
        """Ask for a manifest by GET or HEAD. Never raises for what the registry does."""
        asked_at = store.now()

        def asks(authorization: str) -> Awaitable[Heard]:
            counters.add(anonymous_request_key("account"))
            return hear(client, method, repository, reference, authorization)

        heard = await self._asked(client, is_own, registry, repository, asks)
        if not isinstance(heard, Heard):
            return heard
        return await aside(heard.body, finding_of, heard, method, reference, asked_at, asked_at)

    async def locate(
        self, client: RegistryClient, is_own: IsOwn, registry: RegistryEntry, repository: Repository, digest: str
    ) -> Located | Refused | Failed | Unusable:
        """Ask where a blob is. Never raises for what the registry does."""

        async def asks(authorization: str) -> Heard:
            counters.add(anonymous_request_key("account"))
            heard = await where(client, repository, digest, authorization)
            refuse_quoted(heard.location, authorization)
            return heard

        heard = await self._asked(client, is_own, registry, repository, asks)
        return located(heard) if isinstance(heard, Heard) else heard

    async def _asked(
        self,
        client: RegistryClient,
        is_own: IsOwn,
        registry: RegistryEntry,
        repository: Repository,
        asks: Callable[[str], Awaitable[Heard]],
    ) -> Heard | Refused | Failed | Unusable:
        try:
            authorization = await own_accounts.authorization(client, registry, repository.name, is_own)
            heard = await asks(authorization)
            if heard.status == 401 and authorization.startswith("Bearer "):
                # It may have ended early.
                own_accounts.forget(registry, repository.name)
                heard = await asks(await own_accounts.authorization(client, registry, repository.name, is_own))
            return heard
        except AccountRefused:
            return Refused(401)
        except OUTAGES:
            return Failed()
        except RegistryError:
            return Unusable()

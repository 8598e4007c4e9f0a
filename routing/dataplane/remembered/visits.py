"""What one does at a registry for all who wait: look whether it is there by now, ask, and keep what comes.

HEAD confirms what is kept, and says what a tag is; Docker Hub doesn't count it. Bytes come by GET, once. A GET that the
registry counts for the facade's address counts towards the share of the tenant whose request led to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from django.conf import settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.remembered.anonymous import (
    AnonymousVisitor,
    Failed,
    Finding,
    Given,
    IsOwn,
    Located,
    Refused,
    Unusable,
)
from routing.dataplane.remembered.by_account import AccountVisitor
from routing.dataplane.remembered.single_flight import alone
from routing.dataplane.remembered.troubles import Troubles
from routing.dataplane.telemetry.counters import STORE_DAMAGED, STORE_UNWRITABLE, counters
from routing.dataplane.upstream.registry_shares import registry_shares
from routing.dataplane.upstream.relay_limits import Place
from routing.manifest_store import store as stores
from routing.manifest_store.bodies import Damaged
from routing.manifest_store.store import Manifest, ManifestStore, Repository, Tag
from routing.registries.client import RegistryClient

logger = logging.getLogger(__name__)

# What is not there says nothing of the rest of a repository, unless it was there before.
_NOT_THERE = (404, 410)
# Evidence that gets younger by less than this part of its time is not written down.
_WRITTEN_PART = 8


class Kept(NamedTuple):
    """A manifest with its bytes. `as_of`: when the registry last said so, in seconds since 1970."""

    manifest: Manifest
    body: bytes
    as_of: float


Outcome = Kept | Refused | Failed | Unusable


class Visit(NamedTuple):
    """Who asks for what: everything that a visit to a registry takes."""

    store: ManifestStore
    client: RegistryClient
    is_own: IsOwn
    place: Place
    repository: Repository
    registry: RegistryEntry

    @property
    def asked(self) -> str:
        """What fails, or has limits, where this fails: the registry's origin, or with it the account of a mapping."""
        return account_at(self) if self.repository.via else self.repository.origin

    def key(self, reference: str) -> str:
        """Names what is asked for, among all processes."""
        return "\0".join((*self.repository, reference))


class Visits:
    """Asks registries, as nobody."""

    def __init__(self) -> None:
        self.troubles = Troubles()
        self.visitor = AnonymousVisitor()
        self.by_account = AccountVisitor()

    async def manifest(self, visit: Visit, digest: str, newer_than: float) -> Outcome:
        """A manifest by its digest, which everybody could read there after `newer_than`."""
        kept = await kept_manifest(visit.store, visit.repository, digest)
        if kept is None:
            return await self._fetched(visit, digest)
        if newer_than < kept.manifest.confirmed_at <= stores.now():
            return kept
        finding = await self._ask(visit, "HEAD", digest)
        if isinstance(finding, Unusable) and finding.wants_get:
            return await self._fetched(visit, digest)
        if not isinstance(finding, Given):
            return await self._not_given(visit, digest, finding, was_there=True)
        return await self._confirmed(visit, kept, finding)

    async def tag(self, visit: Visit, name: str, newer_than: float) -> Outcome:
        """The manifest that a tag is, as the registry said after `newer_than`."""
        known = visit.store.tag(visit.repository, name)
        if known is not None and newer_than < known.asked_at <= stores.now():
            kept = await self._manifest_of_a_tag(visit, known.digest)
            return kept._replace(as_of=known.asked_at) if isinstance(kept, Kept) else kept
        if self.troubles.lacks(visit.asked, "HEAD"):
            return await self._tag_by_get(visit, name, was_there=known is not None)
        finding = await self._ask(visit, "HEAD", name)
        if isinstance(finding, Unusable) and finding.wants_get:
            self.troubles.has_no(visit.asked, "HEAD")
            return await self._tag_by_get(visit, name, was_there=known is not None)
        if not isinstance(finding, Given):
            return await self._not_given(visit, name, finding, was_there=known is not None)
        there = await kept_manifest(visit.store, visit.repository, finding.digest)
        if there is None:
            outcome = await self._manifest_of_a_tag(visit, finding.digest)
        else:
            outcome = await self._confirmed(visit, there, finding)
        return await self._tagged(visit, name, outcome, finding.asked_at)

    async def location(self, visit: Visit, digest: str) -> str:
        """Where a blob is; "" where each has to ask by itself."""
        origin = visit.asked
        if visit.repository.via:
            finding = await self.by_account.locate(visit.client, visit.is_own, visit.registry, visit.repository, digest)
        else:
            finding = await self.visitor.locate(visit.client, visit.is_own, visit.repository, digest)
        if isinstance(finding, Located):
            if not finding.url:
                self.troubles.has_no(origin, "Location")
            return finding.url
        if isinstance(finding, Failed):
            self.troubles.failed(origin, "Location")
        elif isinstance(finding, Refused) and finding.status not in _NOT_THERE:
            await self._closed(visit)
        else:
            # Of manifests it says nothing: callers make names up.
            self.troubles.refused(visit.repository, digest)
        return ""

    async def _manifest_of_a_tag(self, visit: Visit, digest: str) -> Outcome:
        """Others may ask for it by its digest at the same time."""
        async with alone(visit.store.flights_path, visit.key(digest)):
            return await self.manifest(visit, digest, stores.now() - settings.FACADE_PUBLIC_SECONDS)

    async def _tag_by_get(self, visit: Visit, name: str, *, was_there: bool) -> Outcome:
        asked_at = stores.now()
        outcome = await self._fetched(visit, name, was_there=was_there)
        return await self._tagged(visit, name, outcome, asked_at)

    async def _tagged(self, visit: Visit, name: str, outcome: Outcome, asked_at: float) -> Outcome:
        if isinstance(outcome, Kept):
            tag = Tag(outcome.manifest.digest, asked_at)
            await _written(visit.store, lambda: visit.store.keep_tag(visit.repository, name, tag))
            return outcome._replace(as_of=asked_at)
        if not isinstance(outcome, Failed):
            # HEAD and GET don't agree.
            self.troubles.refused(visit.repository, name)
        return outcome

    async def _fetched(self, visit: Visit, reference: str, *, was_there: bool = False) -> Outcome:
        finding = await self._found(visit, reference)
        if not isinstance(finding, Given):
            return await self._not_given(visit, reference, finding, was_there=was_there)
        assert finding.body is not None
        manifest, body = Manifest(finding.digest, finding.headers, finding.as_of), finding.body
        await _written(visit.store, lambda: visit.store.keep(visit.repository, visit.place.tenant, manifest, body))
        return self._as_seen(visit, Kept(manifest, body, finding.asked_at))

    async def _found(self, visit: Visit, reference: str) -> Finding:
        """The bytes. By the operator's account, where there is one, only what the registry has just named to nobody."""
        account = "" if visit.repository.via else account_at(visit)
        if ":" in reference and account and self.troubles.may_ask(account, "GET"):
            named = await self._ask(visit, "HEAD", reference)
            if isinstance(named, Refused):
                return named
            if isinstance(named, Given):
                given = await self._ask_by_account(visit, account, reference)
                if isinstance(given, Given):
                    return given._replace(as_of=named.as_of, asked_at=named.asked_at)
        return await self._ask(visit, "GET", reference)

    async def _ask_by_account(self, visit: Visit, account: str, digest: str) -> Finding:
        """The registry counts it for the account, of which one tenant has a share. Where it says no, it rests."""
        tenant = visit.place.tenant
        if registry_shares.take(tenant, account):
            return Failed()
        finding: Finding | None = None
        try:
            finding = await self.by_account.ask(
                visit.client, visit.is_own, visit.registry, "GET", visit.repository, digest
            )
        finally:
            if not isinstance(finding, Given):
                registry_shares.give_back(tenant, account)
        if not isinstance(finding, Given):
            logger.warning("the account at %s got no manifest: %s", visit.registry.name, type(finding).__name__)
            self.troubles.failed(account, "GET")
        return finding

    async def _confirmed(self, visit: Visit, kept: Kept, finding: Given) -> Outcome:
        before, as_of = kept.manifest.confirmed_at, finding.as_of
        # An anonymous token may be older than what is known; and the clock may have been put back since.
        manifest = kept.manifest._replace(confirmed_at=before if as_of < before <= finding.asked_at else as_of)
        if abs(manifest.confirmed_at - before) > settings.FACADE_PUBLIC_SECONDS / _WRITTEN_PART:
            await _written(visit.store, lambda: visit.store.confirm(visit.repository, manifest))
        return self._as_seen(visit, Kept(manifest, kept.body, finding.asked_at))

    def _as_seen(self, visit: Visit, kept: Kept) -> Outcome:
        """What was found, unless another visitor has been refused meanwhile."""
        return Unusable() if visit.store.has_refused(visit.repository, kept.manifest.confirmed_at) else kept

    async def _ask(self, visit: Visit, method: str, reference: str) -> Finding:
        origin, tenant = visit.asked, visit.place.tenant
        counts = method == "GET"
        if not self.troubles.may_ask(origin, method) or (counts and registry_shares.take(tenant, origin)):
            return Failed()
        finding: Finding | None = None
        try:
            finding = await self._heard(visit, method, reference)
        finally:
            told = finding.told if isinstance(finding, Given | Failed) else ()
            # What it says of an account's limits is nothing of the address'.
            is_ours = bool(visit.repository.via) or registry_shares.learn(origin, told)
            # Registries count what they gave out.
            if counts and not (isinstance(finding, Given) and is_ours):
                registry_shares.give_back(tenant, origin)
        if isinstance(finding, Failed):
            self.troubles.failed(origin, method)
        else:
            self.troubles.answered(origin, method)
        return finding

    async def _heard(self, visit: Visit, method: str, reference: str) -> Finding:
        """What is said to nobody in particular; or, of what a mapping publishes, to its account."""
        client, is_own, repository = visit.client, visit.is_own, visit.repository
        if repository.via:
            return await self.by_account.ask(client, is_own, visit.registry, method, repository, reference)
        return await self.visitor.ask(client, is_own, method, repository, reference)

    async def _not_given(
        self, visit: Visit, reference: str, finding: Refused | Failed | Unusable, *, was_there: bool
    ) -> Outcome:
        """The finding; a refusal ends what was known of the repository, at once and for all processes."""
        if isinstance(finding, Unusable):
            self.troubles.refused(visit.repository, reference)
        if not isinstance(finding, Refused):
            return finding
        if finding.status not in _NOT_THERE:
            await self._closed(visit)
        else:
            self.troubles.refused(visit.repository, reference)
            if was_there:
                await self._forgotten(visit, forget=False)
        visit.store.forget(visit.repository, reference)
        return finding

    async def _closed(self, visit: Visit) -> None:
        """The repository is not everybody's any more."""
        self.troubles.refused(visit.repository)
        await self._forgotten(visit, forget=True)

    async def _forgotten(self, visit: Visit, *, forget: bool) -> None:
        store, repository, refused_at = visit.store, visit.repository, stores.now()
        self.visitor.forget(repository)
        await _written(store, lambda: store.refuse(repository, refused_at, forget=forget))


def account_at(visit: Visit) -> str:
    """What names the operator's account at the registry, in place of its origin; "" where it has none."""
    sealed = visit.registry.account
    return f"{visit.repository.origin} {blake2b(sealed.encode(), digest_size=8).hexdigest()}" if sealed else ""


async def kept_manifest(store: ManifestStore, repository: Repository, digest: str) -> Kept | None:
    """What a repository gave at some time, with its bytes; None where it never did, or they are gone."""
    manifest = store.manifest(repository, digest)
    if manifest is None:
        return None
    body = store.bodies.in_memory(digest)
    if body is None:
        try:
            body = await asyncio.to_thread(store.bodies.read, digest)
        except Damaged:
            logger.error("a remembered manifest was damaged on the disk, and is asked for anew: %s", digest)
            counters.add(STORE_DAMAGED)
    return None if body is None else Kept(manifest, body, manifest.confirmed_at)


async def _written(store: ManifestStore, write: Callable[[], object]) -> None:
    """Write on a thread. Where the disk refuses, it is for a while as if there were no store."""
    try:
        await asyncio.to_thread(write)
    except OSError as error:
        counters.add(STORE_UNWRITABLE)
        store.switch_off(error)

"""What may be given to whoever asks: what is known to be public, what is asked for, and what is better than nothing.

A manifest is given where its repository was seen to give that very manifest to everybody less than
`FACADE_PUBLIC_SECONDS` ago, and has not refused since; a tag, where the registry said less than `FACADE_TAG_SECONDS`
ago what it is. Otherwise the registry is asked, by one for all. Where it can't answer, what it said within
`FACADE_STALE_SECONDS` is given, and called stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from django.conf import settings

from routing.dataplane.remembered.anonymous import Failed, Unusable
from routing.dataplane.remembered.locations import PATIENCE, Locations
from routing.dataplane.remembered.single_flight import Flights, alone
from routing.dataplane.remembered.visits import Kept, Outcome, Visit, Visits, kept_manifest
from routing.dataplane.upstream.dispatch import caught
from routing.dataplane.upstream.relay_limits import TooManyRelays
from routing.manifest_store import store as stores
from routing.manifest_store.store import ManifestStore, Repository, is_younger

# While it is in use, evidence is renewed when so much of its time is over.
_RENEWED = 3 / 4

Visiting = Callable[[], Coroutine[Any, Any, Outcome]]


class Recalled(NamedTuple):
    """What is given, and how it came: `hit`, `joined`, `fetched` or `stale`."""

    kept: Kept
    how: str


class Memory:
    """Of one process."""

    def __init__(self) -> None:
        self.visits = Visits()
        self.locations = Locations(self.visits)
        self._flights: Flights[Outcome] = Flights()

    async def recall(self, visit: Visit, reference: str, *, is_lasting: bool) -> Recalled | None:
        """What the reference is; None: the caller has to ask by itself.

        `is_lasting`: this event loop serves other requests too.
        """
        find = self._manifest if ":" in reference else self._tag
        found = await find(visit, reference, is_lasting)
        if found is not None and found.how != "stale":
            self.locations.is_public(visit.repository)
        return found

    def at_once(self, store: ManifestStore, repository: Repository, reference: str) -> Recalled | None:
        """What the reference is, where that is in memory, and young. None says nothing: to find out takes longer."""
        digest, as_of = reference, float("inf")
        if ":" not in reference:
            tag = store.tag(repository, reference)
            if tag is None or not is_younger(tag.asked_at, settings.FACADE_TAG_SECONDS):
                return None
            digest, as_of = tag
        manifest = store.manifest(repository, digest)
        if manifest is None or not is_younger(manifest.confirmed_at, settings.FACADE_PUBLIC_SECONDS * _RENEWED):
            return None
        body = store.bodies.in_memory(digest)
        if body is None:
            return None
        self.locations.is_public(repository)
        return Recalled(Kept(manifest, body, min(as_of, manifest.confirmed_at)), "hit")

    def forget(self) -> None:
        """Forget what is in memory beside the store. For tests."""
        self.visits = Visits()
        self.locations = Locations(self.visits)

    async def _manifest(self, visit: Visit, digest: str, is_lasting: bool) -> Recalled | None:
        kept = await kept_manifest(visit.store, visit.repository, digest)
        public_seconds = settings.FACADE_PUBLIC_SECONDS
        if kept is not None and is_younger(kept.manifest.confirmed_at, public_seconds):
            if is_lasting and not is_younger(kept.manifest.confirmed_at, public_seconds * _RENEWED):
                self._ask_meanwhile(visit, digest, "HEAD", self._confirming(visit, digest, public_seconds * _RENEWED))
            return Recalled(kept, "hit")
        method = "GET" if kept is None else "HEAD"
        visiting = self._confirming(visit, digest, public_seconds)
        return await self._asked(visit, digest, method, visiting, is_lasting)

    async def _tag(self, visit: Visit, name: str, is_lasting: bool) -> Recalled | None:
        seconds = settings.FACADE_TAG_SECONDS
        tag = visit.store.tag(visit.repository, name) if seconds else None
        if tag is not None and is_younger(tag.asked_at, seconds):
            found = await self._manifest(visit, tag.digest, is_lasting)
            if found is not None:
                return found._replace(kept=found.kept._replace(as_of=min(found.kept.as_of, tag.asked_at)))
        newer_than = stores.now() - seconds
        method = "GET" if self.visits.troubles.lacks(visit.asked, "HEAD") else "HEAD"

        def visiting() -> Coroutine[Any, Any, Outcome]:
            return self.visits.tag(visit, name, newer_than)

        return await self._asked(visit, name, method, visiting, is_lasting)

    def _confirming(self, visit: Visit, digest: str, seconds: float) -> Visiting:
        newer_than = stores.now() - seconds
        return lambda: self.visits.manifest(visit, digest, newer_than)

    async def _asked(
        self, visit: Visit, reference: str, method: str, visiting: Visiting, is_lasting: bool
    ) -> Recalled | None:
        """What the registry says, or what it said last where it can't."""
        troubles = self.visits.troubles
        if troubles.is_refused(visit.repository, reference):
            return None
        if is_lasting and troubles.is_failing(visit.asked, method):
            self._ask_meanwhile(visit, reference, method, visiting)
            return await self._stale(visit, reference)
        outcome, was_under_way = await self._flown(visit, reference, visiting, is_lasting)
        if isinstance(outcome, Kept):
            return Recalled(outcome, "joined" if was_under_way else "fetched")
        if isinstance(outcome, Failed):
            return await self._stale(visit, reference)
        return None

    async def _stale(self, visit: Visit, reference: str) -> Recalled | None:
        seconds = settings.FACADE_STALE_SECONDS
        if not seconds:
            return None
        tag = None if ":" in reference else visit.store.tag(visit.repository, reference)
        if ":" not in reference and (tag is None or not is_younger(tag.asked_at, seconds)):
            return None
        kept = await kept_manifest(visit.store, visit.repository, tag.digest if tag else reference)
        if kept is None or not is_younger(kept.manifest.confirmed_at, seconds):
            return None
        return Recalled(kept._replace(as_of=tag.asked_at) if tag else kept, "stale")

    async def _flown(self, visit: Visit, reference: str, visiting: Visiting, is_lasting: bool) -> tuple[Outcome, bool]:
        key = (visit.repository, reference)
        if not is_lasting:
            return await self._within_deadline(visit, reference, visiting), False
        return await self._flights.join(key, self._begin(visit, reference, visiting), visit.place.release)

    def _ask_meanwhile(self, visit: Visit, reference: str, method: str, visiting: Visiting) -> None:
        if self.visits.troubles.may_ask(visit.asked, method):
            key = (visit.repository, reference)
            self._flights.begin(key, self._begin(visit, reference, visiting), visit.place.release)

    def _begin(self, visit: Visit, reference: str, visiting: Visiting) -> Visiting:
        def begin() -> Coroutine[Any, Any, Outcome]:
            # The place of whoever begins it is taken until it ends, whoever leaves before.
            visit.place.share()
            return self._within_deadline(visit, reference, visiting)

        return begin

    async def _within_deadline(self, visit: Visit, reference: str, visiting: Visiting) -> Outcome:
        """What comes of a visit, which never fails: where it is no use, each goes its own way."""
        seconds, key = visit.client.limits.total_seconds * PATIENCE, visit.key(reference)
        try:
            async with asyncio.timeout(seconds), alone(visit.store.flights_path, key):
                return await visiting()
        except TimeoutError:
            for method in ("HEAD", "GET"):
                self.visits.troubles.failed(visit.asked, method)
            return Failed()
        except TooManyRelays:
            return Unusable()
        except Exception as unforeseen:
            caught(unforeseen)
            return Unusable()


memory = Memory()

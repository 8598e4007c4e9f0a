"""Where blobs are: one request for all who ask within the same second.

A Location is signed, and good for minutes: none is kept for longer. It is asked for as nobody, so that it is
everybody's, at repositories that gave a manifest to everybody a moment ago. Of others each caller asks by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple

from routing.dataplane.remembered.single_flight import Flights
from routing.dataplane.remembered.visits import Visit, Visits
from routing.dataplane.upstream.dispatch import caught
from routing.dataplane.upstream.relay_limits import TooManyRelays
from routing.manifest_store import store as stores
from routing.manifest_store.store import Repository, is_younger

#: Of the time that a relay may take. Whoever waited for nothing has its own way before it.
PATIENCE = 1 / 2
_FRESH_SECONDS = 1.0
# How long a repository that gave a manifest counts as one that everybody may read. Nothing is given by that alone.
_PUBLIC_SECONDS = 60.0
_MOST_REPOSITORIES, _MOST_LOCATIONS = 4096, 512


class Location(NamedTuple):
    """Where a blob is, and how that came: `joined` or `fetched`."""

    url: str
    how: str


class _Told(NamedTuple):
    """What a registry said when it was asked at `asked_at`, in seconds since 1970."""

    url: str
    asked_at: float


class Locations:
    """Of one process."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._flights: Flights[str] = Flights()
        self._public: dict[Repository, float] = {}
        self._told: dict[tuple[Repository, str], _Told] = {}

    def is_public(self, repository: Repository) -> None:
        """It gave a manifest to everybody."""
        if len(self._public) >= _MOST_REPOSITORIES:
            self._public.clear()
        self._public[repository] = stores.now()

    async def locate(self, visit: Visit, digest: str) -> Location | None:
        """Where a blob is; None where the caller has to ask by itself."""
        key = (visit.repository, digest)
        told = self._told.get(key)
        if told is not None and self._holds(visit, told):
            return Location(told.url, "joined")
        if not self._may_ask(visit, digest):
            return None

        def begin() -> Coroutine[Any, Any, str]:
            # The place of whoever begins it is taken until it ends, whoever leaves before.
            visit.place.share()
            return self._asked(visit, digest)

        url, was_under_way = await self._flights.join(key, begin, visit.place.release)
        return Location(url, "joined" if was_under_way else "fetched") if url else None

    def _holds(self, visit: Visit, told: _Told) -> bool:
        is_fresh = is_younger(told.asked_at, _FRESH_SECONDS)
        return is_fresh and not visit.store.has_refused(visit.repository, told.asked_at)

    def _may_ask(self, visit: Visit, digest: str) -> bool:
        troubles, origin = self._visits.troubles, visit.asked
        public_at = self._public.get(visit.repository)
        return (
            public_at is not None
            and is_younger(public_at, _PUBLIC_SECONDS)
            and not troubles.lacks(origin, "Location")
            and not troubles.is_failing(origin, "Location")
            and not troubles.is_refused(visit.repository, digest)
        )

    async def _asked(self, visit: Visit, digest: str) -> str:
        asked_at = stores.now()
        try:
            async with asyncio.timeout(visit.client.limits.total_seconds * PATIENCE):
                url = await self._visits.location(visit, digest)
        except TimeoutError:
            self._visits.troubles.failed(visit.asked, "Location")
            return ""
        except TooManyRelays:
            return ""
        except Exception as unforeseen:
            caught(unforeseen)
            return ""
        if url:
            if len(self._told) >= _MOST_LOCATIONS:
                self._told.clear()
            self._told[visit.repository, digest] = _Told(url, asked_at)
        return url

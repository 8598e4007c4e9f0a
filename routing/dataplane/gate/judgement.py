"""Whether the edge may get a certificate for a name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

from routing.core.certificates import CertificateSubject, certificate_subject
from routing.core.grammar.public_addresses import PublicAddresses
from routing.core.table.routing_table import Table
from routing.dataplane.gate.grants import Grants
from routing.dataplane.gate.own_addresses import OwnAddresses
from routing.dns.published import PublishedAddresses
from routing.dns.questions import Outcome
from routing.dns.shares import FairPlaces

# Names that are looked up at once: of all together, and of one tenant.
MAX_LOOK_UPS = 32
MAX_LOOK_UPS_PER_TENANT = 4
# How long a name that leads elsewhere, or nobody knows where, is not looked up again: its owner may just be setting its
# record.
NOT_HERE_SECONDS = 5.0
_MAX_REMEMBERED = 4096

LookUp = Callable[[str], Awaitable[PublishedAddresses]]


class Answer(StrEnum):
    """Yes, or why not: the table doesn't have the name, or not so that it is served; the DNS leads elsewhere, or
    doesn't say where; the budget of the day is spent."""

    YES = "yes"
    UNKNOWN = "unknown"
    ELSEWHERE = "elsewhere"
    UNCLEAR = "unclear"
    SPENT = "spent"


class AddressRecords:
    """Whether names lead to `here`, for one event loop; where that says nothing, to the addresses that it has `found`.

    Where these are not known either, all do. `seconds` is how long a judgement may take, with its wait for a place.
    """

    def __init__(
        self, here: PublicAddresses, look_up: LookUp, seconds: float, found: OwnAddresses | None = None
    ) -> None:
        self._here, self._look_up, self._seconds, self._found = here, look_up, seconds, found
        self._places = FairPlaces(MAX_LOOK_UPS, MAX_LOOK_UPS_PER_TENANT)
        self._flights: dict[str, asyncio.Task[Answer]] = {}
        self._remembered: dict[str, _Remembered] = {}

    async def lead_here(self, name: str, tenant: str) -> Answer:
        """YES, ELSEWHERE or UNCLEAR. YES where there is an address, and none that isn't the facade's."""
        if not any(self._here) and (self._found is None or not self._found.are_known):
            return Answer.YES
        known = self._remembered.get(name)
        if known is not None and known.until > time.monotonic():
            return known.answer
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.get_running_loop().create_task(self._ask(name, tenant))
            flight.add_done_callback(lambda _: self._flights.pop(name))
        # Shielded: who leaves early takes nobody else's answer along.
        return await asyncio.shield(flight)

    async def _ask(self, name: str, tenant: str) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire(tenant)
                try:
                    answer = await self._judged(name)
                finally:
                    self._places.release(tenant)
        except TimeoutError:
            answer = Answer.UNCLEAR
        if answer is not Answer.YES:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = _Remembered(answer, time.monotonic() + NOT_HERE_SECONDS)
        return answer

    async def _judged(self, name: str) -> Answer:
        found, *ours = await asyncio.gather(*map(self._look_up, (name, *self._here.names)))
        if any(each.outcome in (Outcome.FAILED, Outcome.TIMEOUT) for each in (found, *ours)):
            return Answer.UNCLEAR
        # An authority may ask at any of them.
        elsewhere = set(found.addresses).difference(self._here.all, *(each.addresses for each in ours))
        if found.addresses and elsewhere and not any(self._here) and self._found is not None:
            return Answer.YES if await self._found.include(elsewhere) else Answer.ELSEWHERE
        return Answer.YES if found.addresses and not elsewhere else Answer.ELSEWHERE


class _Remembered(NamedTuple):
    answer: Answer
    until: float


class Gate:
    """The judgement. `table` gives the newest one that is known."""

    def __init__(self, table: Callable[[], Table], grants: Grants, records: AddressRecords) -> None:
        self._table, self._grants, self._records = table, grants, records

    async def judge(self, name: str) -> Answer:
        """Answer for a name as clients send it in TLS, in lower case.

        What isn't served is refused by two look-ups in memory, whatever was asked before. A name that once had its
        certificate here spends nothing, and name servers that don't say where it leads don't count against it: the edge
        may only be reading it from its disk.
        """
        subject = certificate_subject(self._table(), name)
        if subject is None:
            return Answer.UNKNOWN
        if not subject.tenant:
            return Answer.YES
        is_known = self._grants.is_known(name)
        if not is_known and not self._grants.has_room(subject):
            return Answer.SPENT
        answer = await self._records.lead_here(name, subject.tenant)
        if is_known:
            return Answer.YES if answer is Answer.UNCLEAR else answer
        return answer if answer is not Answer.YES else self._granted(subject)

    def _granted(self, subject: CertificateSubject) -> Answer:
        """A name that leads here gets in, unless others have taken the room while it was looked up."""
        if not self._grants.is_known(subject.name):
            if not self._grants.has_room(subject):
                return Answer.SPENT
            self._grants.add(subject)
        return Answer.YES

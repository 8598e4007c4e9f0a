"""The gate's judgement: what it answers of a name, and what that costs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.core.grammar.public_addresses import PublicAddresses
from routing.core.table.routing_table import Change, Table
from routing.dataplane.gate.grants import Budget, Grants
from routing.dataplane.gate.judgement import MAX_LOOK_UPS_PER_TENANT, NOT_HERE_SECONDS, AddressRecords, Answer, Gate
from routing.dns.published import PublishedAddresses
from routing.dns.questions import Outcome
from tests.core.test_certificates import TABLE

HERE = PublicAddresses(("203.0.113.7",), ("2001:db8::7",))
BUDGET = Budget(50, 100)
FOUND = Outcome.FOUND


class Names:
    """A DNS in memory. A name that it doesn't have leads nowhere; of a silent one nothing comes."""

    def __init__(self, **records: PublishedAddresses) -> None:
        self.records = records
        self.asked: Counter[str] = Counter()
        self.silent: set[str] = set()
        self.most_at_once = self._at_once = 0

    async def __call__(self, name: str) -> PublishedAddresses:
        self.asked[name] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(60 if name in self.silent else 0.01)
        finally:
            self._at_once -= 1
        return self.records.get(name, PublishedAddresses(Outcome.NO_NAME))

    def set(self, name: str, *addresses: str) -> None:
        self.records[name] = PublishedAddresses(FOUND, addresses)


Opened = Callable[..., Gate]


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def opened(tmp_path: Path, names: Names) -> Opened:
    """Makes a gate; one that is made later is a restart of the earlier one."""

    def make(
        table: Table = TABLE, here: PublicAddresses = HERE, budget: Budget = BUDGET, seconds: float = 20.0
    ) -> Gate:
        records = AddressRecords(here, names, seconds)
        return Gate(lambda: table, Grants(tmp_path / "certificates", budget), records)

    return make


async def test_yes_once_the_address_record_leads_here(opened: Opened, names: Names) -> None:
    gate = opened()
    names.set("docker.acme.com", "203.0.113.7", "2001:db8::7")

    assert await gate.judge("docker.acme.com") is Answer.YES


@pytest.mark.parametrize(
    "addresses", [("192.0.2.1",), ("203.0.113.7", "192.0.2.1"), ("203.0.113.7", "2001:db8::8"), ("203.0.113.70",)]
)
async def test_no_while_any_address_leads_elsewhere(
    opened: Opened, names: Names, addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = opened()
    names.set("docker.acme.com", *addresses)
    assert await gate.judge("docker.acme.com") is Answer.ELSEWHERE

    # It is looked up again after a moment, and not at each handshake.
    names.set("docker.acme.com", "203.0.113.7")
    assert await gate.judge("docker.acme.com") is Answer.ELSEWHERE
    assert names.asked["docker.acme.com"] == 1
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + NOT_HERE_SECONDS)
    assert await gate.judge("docker.acme.com") is Answer.YES


async def test_no_while_there_is_no_record_at_all(opened: Opened) -> None:
    assert await opened().judge("docker.acme.com") is Answer.ELSEWHERE


async def test_the_facade_may_be_named_by_a_name(opened: Opened, names: Names) -> None:
    gate = opened(here=PublicAddresses(names=("edge.acme.com",)))
    names.set("docker.acme.com", "203.0.113.9")
    names.set("edge.acme.com", "203.0.113.9", "203.0.113.10")

    assert await gate.judge("docker.acme.com") is Answer.YES


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.FAILED])
@pytest.mark.parametrize("asked", ["docker.acme.com", "edge.acme.com"])
async def test_name_servers_that_do_not_say_are_no_yes(
    opened: Opened, names: Names, outcome: Outcome, asked: str
) -> None:
    gate = opened(here=PublicAddresses(("203.0.113.7",), names=("edge.acme.com",)))
    for name in ("docker.acme.com", "edge.acme.com"):
        names.set(name, "203.0.113.7")
    names.records[asked] = PublishedAddresses(outcome)

    assert await gate.judge("docker.acme.com") is Answer.UNCLEAR


async def test_without_addresses_nothing_is_looked_up(opened: Opened, names: Names) -> None:
    assert await opened(here=PublicAddresses()).judge("docker.acme.com") is Answer.YES
    assert not names.asked


async def test_what_the_table_does_not_serve_costs_nothing(opened: Opened, names: Names, tmp_path: Path) -> None:
    gate = opened()
    strangers = [f"n{number}.example" for number in range(2000)] + ["off.acme.com", "suspended.acme.com", "localhost"]

    assert {await gate.judge(name) for name in strangers} == {Answer.UNKNOWN}

    assert not names.asked
    assert not (tmp_path / "certificates").exists()


async def test_control_hosts_have_no_budget_and_need_no_record(opened: Opened, names: Names) -> None:
    assert await opened(budget=Budget(0, 0)).judge("facade.acme.com") is Answer.YES
    assert not names.asked


async def test_a_spent_budget_is_a_no_before_anything_is_looked_up(opened: Opened, names: Names) -> None:
    gate = opened(budget=Budget(0, 9))

    assert await gate.judge("docker.acme.com") is Answer.SPENT
    assert not names.asked


async def test_names_that_come_at_once_get_no_more_than_the_budget(opened: Opened, names: Names) -> None:
    gate = opened(budget=Budget(6, 100))
    asked = [f"n{number}.pull.acme.com" for number in range(20)]
    for name in asked:
        names.set(name, "203.0.113.7")

    answers = Counter(await asyncio.gather(*map(gate.judge, asked)))

    assert answers == {Answer.YES: 3, Answer.SPENT: 17}


async def test_a_record_that_leads_elsewhere_spends_nothing(opened: Opened, names: Names) -> None:
    gate = opened(budget=Budget(1, 9))
    for number in range(5):
        assert await gate.judge(f"n{number}.pull.acme.com") is Answer.ELSEWHERE
    names.set("docker.acme.com", "203.0.113.7")

    assert await gate.judge("docker.acme.com") is Answer.YES


async def test_a_name_that_had_its_certificate_keeps_it_over_a_restart(opened: Opened, names: Names) -> None:
    names.set("docker.acme.com", "203.0.113.7")
    assert await opened().judge("docker.acme.com") is Answer.YES
    names.records["docker.acme.com"] = PublishedAddresses(Outcome.TIMEOUT)

    # The edge, restarted, reads it from its disk: whatever is spent, and whether or not name servers answer.
    assert await opened(budget=Budget(1, 1)).judge("docker.acme.com") is Answer.YES


async def test_a_name_that_moved_away_gets_no_renewal(opened: Opened, names: Names) -> None:
    names.set("docker.acme.com", "203.0.113.7")
    assert await opened().judge("docker.acme.com") is Answer.YES
    names.set("docker.acme.com", "192.0.2.1")

    # Or whoever connects here with its name could have the authority asked in vain, again and again.
    assert await opened().judge("docker.acme.com") is Answer.ELSEWHERE


async def test_what_is_withdrawn_removed_or_suspended_gets_no_renewal(opened: Opened, names: Names) -> None:
    names.set("docker.acme.com", "203.0.113.7")
    assert await opened().judge("docker.acme.com") is Answer.YES

    gone = TABLE.apply([Change(2, "hostname", "docker.acme.com", None)])
    withdrawn = TABLE.apply([Change(2, "hostname", "docker.acme.com", {"tenant": "1", "enabled": False})])
    suspended = TABLE.apply([Change(2, "tenant", "1", {"name": "Acme", "refusal": "abuse"})])

    answers = [await opened(table).judge("docker.acme.com") for table in (gone, withdrawn, suspended)]
    assert answers == [Answer.UNKNOWN] * 3


async def test_one_look_up_serves_all_who_ask_at_once(opened: Opened, names: Names) -> None:
    gate = opened()
    names.set("docker.acme.com", "203.0.113.7")

    assert set(await asyncio.gather(*(gate.judge("docker.acme.com") for _ in range(50)))) == {Answer.YES}
    assert names.asked["docker.acme.com"] == 1


async def test_who_leaves_early_takes_nobody_elses_answer_along(opened: Opened, names: Names) -> None:
    gate = opened()
    names.set("docker.acme.com", "203.0.113.7")
    first = asyncio.create_task(gate.judge("docker.acme.com"))
    await asyncio.sleep(0)
    second = asyncio.create_task(gate.judge("docker.acme.com"))
    await asyncio.sleep(0)
    first.cancel()

    assert await second is Answer.YES


async def test_silent_names_of_a_tenant_hold_its_own_places_for_a_while(opened: Opened, names: Names) -> None:
    table = TABLE.apply(
        [
            Change(2, "tenant", "2", {"name": "Globex"}),
            Change(3, "hostname", "docker.globex.com", {"tenant": "2"}),
        ]
    )
    gate = opened(table, seconds=1.0)
    silent = [f"n{number}.pull.acme.com" for number in range(40)]
    names.silent.update(silent)
    names.set("docker.globex.com", "203.0.113.7")
    waiting = [asyncio.create_task(gate.judge(name)) for name in silent]
    await asyncio.sleep(0)

    assert await gate.judge("docker.globex.com") is Answer.YES

    assert names.most_at_once <= MAX_LOOK_UPS_PER_TENANT + 1
    assert set(await asyncio.gather(*waiting)) == {Answer.UNCLEAR}

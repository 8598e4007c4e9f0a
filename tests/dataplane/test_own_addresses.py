"""The gate finds out where this facade is, where nobody has said so, and then holds names to that."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.core.grammar.public_addresses import PublicAddresses
from routing.dataplane.gate.grants import Budget, Grants
from routing.dataplane.gate.judgement import AddressRecords, Answer, Gate
from routing.dataplane.gate.own_addresses import OwnAddresses, answers_at
from routing.dns.published import PublishedAddresses
from routing.dns.questions import Outcome
from tests.core.test_certificates import TABLE
from tests.dataplane.test_gate import Names
from tests.registries.faulty_server import FaultyServer

CONTROL, NAME = "facade.acme.com", "docker.acme.com"
HERE, ALSO_HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8", "192.0.2.1"


class World:
    """A DNS, the addresses at which this facade answers, and a gate that was told of none."""

    def __init__(self, folder: Path) -> None:
        self.names = Names()
        self.answering = {HERE, ALSO_HERE}
        self.asked: Counter[str] = Counter()
        self.own = OwnAddresses(CONTROL, self.names, self._answers)
        records = AddressRecords(PublicAddresses(), self.names, 20.0, self.own)
        self.gate = Gate(lambda: TABLE, Grants(folder / "certificates", Budget(50, 100)), records)

    async def _answers(self, address: str) -> bool:
        self.asked[address] += 1
        await asyncio.sleep(0)
        return address in self.answering


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_once_it_has_found_itself_names_have_to_lead_there(world: World) -> None:
    world.names.set(CONTROL, HERE)
    world.names.set(NAME, ELSEWHERE)
    await world.own.look()

    assert await world.gate.judge(NAME) is Answer.ELSEWHERE
    assert await world.gate.judge("n1.pull.acme.com") is Answer.ELSEWHERE
    world.names.set("n2.pull.acme.com", HERE)
    assert await world.gate.judge("n2.pull.acme.com") is Answer.YES
    assert world.asked == {HERE: 1, ELSEWHERE: 1}


async def test_an_address_of_its_own_that_its_control_host_has_not_is_asked_once(world: World) -> None:
    world.names.set(CONTROL, HERE)
    await world.own.look()
    for name in (NAME, "n1.pull.acme.com"):
        world.names.set(name, HERE, ALSO_HERE)
        assert await world.gate.judge(name) is Answer.YES

    assert world.asked[ALSO_HERE] == 1


async def test_one_address_elsewhere_is_enough_for_a_no(world: World) -> None:
    world.names.set(CONTROL, HERE)
    await world.own.look()
    world.names.set(NAME, HERE, ELSEWHERE)

    assert await world.gate.judge(NAME) is Answer.ELSEWHERE


async def test_addresses_without_end_are_not_asked(world: World) -> None:
    world.names.set(CONTROL, HERE)
    await world.own.look()
    world.names.set(NAME, *(f"192.0.2.{number}" for number in range(20)))

    assert await world.gate.judge(NAME) is Answer.ELSEWHERE
    assert world.asked == {HERE: 1}


@pytest.mark.parametrize("host", [PublishedAddresses(Outcome.TIMEOUT), PublishedAddresses(Outcome.NO_NAME)])
async def test_while_it_has_not_found_itself_no_name_is_looked_up(world: World, host: PublishedAddresses) -> None:
    world.names.records[CONTROL] = host
    await world.own.look()

    assert await world.gate.judge(NAME) is Answer.YES
    assert world.names.asked == {CONTROL: 1}


async def test_who_cannot_be_reached_from_inside_refuses_nobody(world: World) -> None:
    world.names.set(CONTROL, HERE)
    world.answering.clear()
    await world.own.look()

    assert await world.gate.judge(NAME) is Answer.YES


async def test_it_keeps_what_it_found_while_nobody_answers_and_follows_when_it_moves(world: World) -> None:
    world.names.set(CONTROL, HERE)
    await world.own.look()
    world.names.set(NAME, HERE)
    world.names.records[CONTROL] = PublishedAddresses(Outcome.TIMEOUT)
    await world.own.look()
    assert await world.gate.judge(NAME) is Answer.YES

    world.answering = {ALSO_HERE}
    world.names.set(CONTROL, ALSO_HERE)
    await world.own.look()
    assert await world.gate.judge("n1.pull.acme.com") is Answer.ELSEWHERE
    world.names.set("n2.pull.acme.com", ALSO_HERE)
    assert await world.gate.judge("n2.pull.acme.com") is Answer.YES
    assert await world.gate.judge(NAME) is Answer.ELSEWHERE


@pytest.mark.parametrize("allowed", [True, False], ids=["another server", "an address that the guard refuses"])
async def test_others_are_not_taken_for_it(settings: Settings, allowed: bool) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = allowed
    server = FaultyServer()
    try:
        assert not await answers_at(CONTROL, server.port, 5.0, "127.0.0.1")
    finally:
        server.stop()

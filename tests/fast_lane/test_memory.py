"""What the fast lane remembers stays within its bound, and what it forgets is given back in small parts."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from pytest_django import Settings

from routing.core.grammar.user_agents import client_of
from routing.dataplane.serving.raw_request import Fields
from routing.dataplane.serving.redirect_cache import Memory

FIELDS = Fields("docker/28", client_of("docker/28"), False, False, "")


@pytest.fixture
def memory(settings: Settings) -> Memory:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 100_000
    return Memory()


def fill(memory: Memory, number: int) -> dict[bytes, bytes]:
    locations = memory.locations_for(FIELDS, "")
    memory.keep_fields(False, b"rest", FIELDS, locations)
    for each in range(number):
        memory.keep(locations, b"head %d" % each, b"location")
    return locations


def test_what_is_kept_is_found(memory: Memory) -> None:
    fill(memory, 10)

    _, locations = memory.fields[False][b"rest"]
    assert locations[b"head 7"] == b"location"
    assert memory.fields[True] == {}


def test_over_the_bound_it_begins_anew(memory: Memory) -> None:
    first = fill(memory, 300)
    assert len(first) == 300

    fill(memory, 300)

    assert memory.fields[False] == {}
    assert memory.locations_for(FIELDS, "") is not first


def test_what_is_forgotten_is_given_back_bit_by_bit(settings: Settings) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 10_000_000
    memory = Memory()
    forgotten = fill(memory, 1000)
    memory.forget()
    sizes = []

    for _ in range(6):
        sizes.append(len(forgotten))
        memory.give_back(10)

    assert sizes == [1000, 734, 468, 202, 0, 0]


@pytest.mark.parametrize("limit", [0, 600, 5_000])
def test_a_small_bound_holds_nothing_back(settings: Settings, limit: int) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = limit
    memory = Memory()

    for turn in range(500):
        for each in range(32):
            memory.keep(memory.locations_for(FIELDS, ""), b"head %d %d" % (turn, each), b"location")
        memory.give_back(32)

    gc.collect()
    assert _kept(memory) < 64


def test_fields_of_many_clients_do_not_pile_up(memory: Memory) -> None:
    locations = memory.locations_for(FIELDS, "")
    for number in range(20_000):
        memory.keep_fields(True, b"X-Forwarded-For: %d" % number, FIELDS, locations)

    assert len(memory.fields[True]) <= 4096


def _kept(memory: Any) -> int:
    """How many locations the memory still refers to, forgotten or not."""
    return sum(len(each) for each in [*memory._locations.values(), *memory._forgotten])

"""What the fast lane remembers stays within its bound, and what it forgets is given back in small parts."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from pytest_django import Settings

from routing.core.grammar.user_agents import Clients
from routing.dataplane.serving.raw_request import HeaderFields
from routing.dataplane.serving.redirect_cache import RedirectCache

FIELDS = HeaderFields("docker/28", False, False, "")
CLIENT = Clients().of("docker/28")


@pytest.fixture
def cache(settings: Settings) -> RedirectCache:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 100_000
    return RedirectCache()


def fill(cache: RedirectCache, number: int) -> dict[bytes, bytes]:
    locations = cache.locations_for(CLIENT, False, "")
    cache.store_fields(False, b"rest", FIELDS, locations)
    for each in range(number):
        cache.store(locations, b"head %d" % each, b"location")
    return locations


def test_what_is_kept_is_found(cache: RedirectCache) -> None:
    fill(cache, 10)

    _, locations = cache.fields[False][b"rest"]
    assert locations[b"head 7"] == b"location"
    assert cache.fields[True] == {}


def test_over_the_bound_it_begins_anew(cache: RedirectCache) -> None:
    first = fill(cache, 300)
    assert len(first) == 300

    fill(cache, 300)

    assert cache.fields[False] == {}
    assert cache.locations_for(CLIENT, False, "") is not first


def test_what_is_forgotten_is_given_back_bit_by_bit(settings: Settings) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 10_000_000
    cache = RedirectCache()
    forgotten = fill(cache, 1000)
    cache.clear()
    sizes = []

    for _ in range(6):
        sizes.append(len(forgotten))
        cache.free_some(10)

    assert sizes == [1000, 734, 468, 202, 0, 0]


@pytest.mark.parametrize("limit", [0, 600, 5_000])
def test_a_small_bound_holds_nothing_back(settings: Settings, limit: int) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = limit
    cache = RedirectCache()

    for turn in range(500):
        for each in range(32):
            cache.store(cache.locations_for(CLIENT, False, ""), b"head %d %d" % (turn, each), b"location")
        cache.free_some(32)

    gc.collect()
    assert _kept(cache) < 64


def test_fields_of_many_clients_do_not_pile_up(cache: RedirectCache) -> None:
    locations = cache.locations_for(CLIENT, False, "")
    for number in range(20_000):
        cache.store_fields(True, b"X-Forwarded-For: %d" % number, FIELDS, locations)

    assert len(cache.fields[True]) <= 4096


def _kept(cache: Any) -> int:
    """How many locations the memory still refers to, forgotten or not."""
    return sum(len(each) for each in [*cache._locations.values(), *cache._forgotten])

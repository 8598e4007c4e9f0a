"""What the fast lane remembers stays within its bound, and what it forgets is given back in small parts."""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from routing.core.grammar.user_agents import Clients
from routing.dataplane.live.live_table import live_table
from routing.dataplane.serving import fast_lane
from routing.dataplane.serving.raw_request import HeaderFields
from routing.dataplane.serving.redirect_cache import Kind, RedirectCache, Redirection
from routing.dataplane.upstream import client_pool
from routing.registries.probes.registry import Auth, RegistryProbe
from tests.fast_lane.lanes import Lanes, table

FIELDS = HeaderFields("docker/28", False, False, "")
CLIENT = Clients().of("docker/28")
KIND = Kind(CLIENT, False, "")


@pytest.fixture
def cache(settings: Settings) -> RedirectCache:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 100_000
    return RedirectCache()


def store(cache: RedirectCache, head: bytes) -> None:
    cache.store(KIND, head, Redirection(head, KIND, b"location"))


def fill(cache: RedirectCache, number: int) -> dict[bytes, Redirection]:
    for each in range(number):
        store(cache, b"head %d" % each)
        cache.store_fields(False, b"rest", FIELDS, KIND)
    return cache.locations_of(KIND)


def test_what_is_kept_is_found(cache: RedirectCache) -> None:
    fill(cache, 10)

    _, locations = cache.fields[False][b"rest"]
    assert locations[b"head 7"].location == b"location"
    assert cache.fields[True] == {}


def test_over_the_bound_it_begins_anew(cache: RedirectCache) -> None:
    first = fill(cache, 100)
    assert len(first) == 100

    fill(cache, 100)

    assert cache.locations_of(KIND) is not first
    assert len(cache.locations_of(KIND)) < 100


def test_what_is_forgotten_is_given_back_bit_by_bit(settings: Settings) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = 10_000_000
    cache = RedirectCache()
    forgotten = fill(cache, 1000)
    cache.clear()
    assert cache.fields == {False: {}, True: {}}
    sizes = []

    for _ in range(6):
        sizes.append(len(forgotten))
        cache.free_some(10)

    # The fields, which come last, are the first to go.
    assert sizes == [1000, 725, 449, 173, 0, 0]


@pytest.mark.parametrize("limit", [0, 600, 5_000])
def test_a_small_bound_holds_nothing_back(settings: Settings, limit: int) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = limit
    cache = RedirectCache()

    for turn in range(500):
        for each in range(32):
            store(cache, b"head %d %d" % (turn, each))
            cache.store_fields(False, b"rest %d %d" % (turn, each), FIELDS, KIND)
        cache.free_some(32)

    gc.collect()
    assert _kept(cache) < 128


def test_nothing_is_kept_of_a_request_that_is_not_redirected(cache: RedirectCache) -> None:
    for number in range(1000):
        kind = Kind(CLIENT, False, f"{number}.example")
        assert cache.locations_of(kind) == {}
        cache.store_fields(True, b"X-Forwarded-Host: %d.example" % number, FIELDS, kind)

    assert (_kept(cache), cache._bytes, cache._locations) == (0, 0, {})


WAYS = {
    # What differs between requests: none of these may grow without the bound.
    "agents at an unknown host": b"GET /v2/acme/a/manifests/1 HTTP/1.1\r\nHost: x.example\r\nUser-Agent: %d%b\r\n\r\n",
    "agents at a name that is not mapped": (
        b"GET /v2/no/a/manifests/1 HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: %d%b\r\n\r\n"
    ),
    "agents that are redirected": (
        b"GET /v2/acme/a/manifests/1 HTTP/1.1\r\nHost: docker.acme.com\r\nUser-Agent: %d%b\r\n\r\n"
    ),
    "other fields": b"GET /v2/acme/a/manifests/1 HTTP/1.1\r\nHost: docker.acme.com\r\nX-A: %d%b\r\n\r\n",
    "names": b"GET /v2/acme/a%d/manifests/1?%b HTTP/1.1\r\nHost: docker.acme.com\r\n\r\n",
    "hosts of a wildcard": b"GET /v2/a/manifests/1?%d HTTP/1.1\r\nHost: a.pull.acme.com\r\nX-A: %b\r\n\r\n",
    "forwarded hosts": (
        b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a%d.pull.acme.com\r\nX-A: %b\r\n\r\n"
    ),
}
BOUND = 300_000


@pytest.mark.parametrize("way", WAYS)
def test_one_bound_holds_for_every_way_of_growing(way: str, settings: Settings) -> None:
    settings.FACADE_REMEMBERED_ANSWERS_BYTES = BOUND
    settings.FACADE_TRUSTED_PROXIES = ["10.0.0.1"]
    lanes = Lanes()
    live_table.table = table()
    filler = b"x" * 3000

    async def send() -> None:
        connection, wire = lanes.fast.connect("10.0.0.1")
        for number in range(300):
            wire.sent.clear()
            connection.data_received(WAYS[way] % (number, filler))
            await lanes.fast.rest(connection, wire)
            assert wire.sent
        connection.connection_lost(None)

    lanes.run(send())
    lanes.close()
    cache = fast_lane._batch._cache

    stores: list[dict[bytes, Any]] = [*cache._locations.values(), *cache.fields.values()]
    held = [entry for kept in stores for entry in kept.items()]
    assert sum(len(key) for key, _ in held) <= BOUND
    if "redirected" not in way and way.startswith("agents"):
        assert not any(filler in key for key, _ in held)


def test_clients_are_known_by_the_beginning_of_what_they_say() -> None:
    clients = Clients()
    for number in range(10_000):
        clients.of(f"docker/28 {number} {'x' * 31_000}")

    assert sum(sys.getsizeof(agent) for agent in clients._known) < 5 * 1024**2


async def test_what_registries_ask_for_is_kept_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Realms are as long as a registry makes them."""
    monkeypatch.setattr(client_pool, "_learned", {})

    async def probe(realm: str) -> RegistryProbe:
        return RegistryProbe(Auth.BEARER, realm=realm, service="s")

    for number in range(3000):
        long, short = f"https://h/{number}{'x' * 8000}", f"https://h/{number}"
        for realm in (long, short):
            found = await client_pool._learn(realm, partial(probe, realm))
            assert found is not None
            assert found.realm == realm

    kept = client_pool._learned
    assert "https://h/2999" in kept
    assert sum(len(place) + len(found.realm) for place, found in kept.items()) < 1024**2


def _kept(cache: Any) -> int:
    """How many locations and fields the memory still refers to, forgotten or not."""
    return sum(len(each) for each in [*cache._locations.values(), *cache.fields.values(), *cache._forgotten])

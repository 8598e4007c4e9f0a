"""Places at origins and in all: handed on, never lost."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from routing.registries.http.connection import Connection
from routing.registries.http.pool import ConnectionPool, PoolTimeout

A, B = "http://a.test", "http://b.test"


async def dial(make: Callable[[], Connection]) -> Connection:
    """A connection that leads nowhere, which is all that the pool needs."""
    return make()


def pool(in_all: int = 10, at_origin: int = 10) -> ConnectionPool:
    return ConnectionPool(max_connections=in_all, max_per_origin=at_origin, max_idle=10, keep_idle_seconds=60)


@pytest.mark.parametrize("places", [pool(at_origin=1), pool(in_all=1)], ids=["of an origin", "of all"])
async def test_a_place_that_is_given_to_one_who_has_just_left_goes_to_the_next(places: ConnectionPool) -> None:
    held = await places.acquire(A, dial, math.inf)
    gone, next_one = (asyncio.create_task(places.acquire(A, dial, math.inf)) for _ in range(2))
    await asyncio.sleep(0)
    places.release(held, reusable=False)
    # The place is its own by now, but it has not run since.
    gone.cancel()
    places.release(await asyncio.wait_for(next_one, 20), reusable=False)
    assert (places._open, places._origins) == (0, {})


@pytest.mark.parametrize(("places", "at_origin"), [(pool(at_origin=1), True), (pool(in_all=1), False)])
async def test_who_waits_too_long_is_told_for_what(places: ConnectionPool, at_origin: bool) -> None:
    held = await places.acquire(A, dial, math.inf)
    with pytest.raises(PoolTimeout) as caught:
        await places.acquire(A if at_origin else B, dial, asyncio.get_running_loop().time() + 0.05)
    assert caught.value.at_origin is at_origin
    places.release(held, reusable=False)
    assert (places._open, places._origins) == (0, {})


async def test_dialling_that_fails_gives_its_place_back() -> None:
    async def fail(make: Callable[[], Connection]) -> Connection:
        raise ConnectionRefusedError

    places = pool(in_all=1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await places.acquire(A, fail, math.inf)
    assert (places._open, places._origins) == (0, {})


async def test_a_connection_is_used_again_by_its_origin_alone() -> None:
    places = pool()
    first = await places.acquire(A, dial, math.inf)
    places.release(first, reusable=True)
    assert await places.acquire(B, dial, math.inf) is not first
    assert await places.acquire(A, dial, math.inf, fresh=True) is not first
    assert await places.acquire(A, dial, math.inf) is first
    await places.aclose()

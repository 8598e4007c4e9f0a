"""What a worker has in memory it writes at once, with no relay's place; all else goes its usual way."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.dataplane.upstream.relay_limits import relay_limits
from routing.manifest_store import store as stores
from tests.dataplane.facade_client import FacadeClient
from tests.dataplane.remembered.conftest import Clock, Counted
from tests.dataplane.remembered.public_registry import STRANGER, PublicRegistry, manifest
from tests.dataplane.remembered.test_answers import APP, OTHER, body_of, path

pytestmark = pytest.mark.parametrize("facade_client", ["worker"], indirect=True)


@pytest.mark.parametrize("by", ["digest", "tag"])
async def test_it_is_given_where_no_place_is_free(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings, counted: Counted, by: str
) -> None:
    digest = server.repository().put(APP, "1.0")
    reference = digest if by == "digest" else "1.0"
    assert await body_of(facade_client, reference) == APP
    settings.FACADE_MAX_RELAYS = 0

    assert [await body_of(facade_client, reference) for _ in range(3)] == [APP] * 3
    head = await facade_client.request(path(reference), method="HEAD", headers=[STRANGER])
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(APP)), b"")
    unchanged = [STRANGER, ("if-none-match", f'"{digest}"')]
    assert (await facade_client.request(path(reference), headers=unchanged)).status == 304
    assert counted.answers(by) == {"fetched": 1, "hit": 5}
    assert counted["answers", "relay", "2xx"] == 5


async def test_what_is_not_there_or_not_young_takes_a_place(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings, clock: Clock
) -> None:
    digest, other = server.repository().put(APP, "1.0"), server.repository().put(OTHER)
    assert await body_of(facade_client, "1.0") == APP
    settings.FACADE_MAX_RELAYS = 0

    assert await body_of(facade_client, other) == 429
    clock.skip(settings.FACADE_TAG_SECONDS + 1)
    assert await body_of(facade_client, "1.0") == 429
    assert await body_of(facade_client, digest) == APP
    # From here on it has to be asked for anew, in time and while nobody waits.
    clock.skip(settings.FACADE_PUBLIC_SECONDS * 0.76)
    assert await body_of(facade_client, digest) == 429
    stores._store.cache_clear()
    clock.skip(-settings.FACADE_PUBLIC_SECONDS * 0.76)
    assert await body_of(facade_client, digest) == 429


async def test_a_long_one_waits_for_its_client_as_any_other(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    long = manifest("x" * 70_000)
    digest = server.repository().put(long)
    assert [await body_of(facade_client, digest) for _ in range(2)] == [long] * 2
    settings.FACADE_MAX_RELAYS = 0

    assert await body_of(facade_client, digest) == 429
    assert relay_limits.under_way == 0

"""A registry that fails: manifests go on for a while, marked as stale (request-handling.md, R19.8)."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from routing.dataplane.remembered import troubles
from routing.dataplane.remembered.recall import memory
from routing.manifest_store.sightings import sightings
from tests.dataplane.facade_client import HOST, FacadeClient
from tests.dataplane.remembered.conftest import Clock, Counted, is_asking
from tests.dataplane.remembered.public_registry import IMAGE, MEMBER, STRANGER, PublicRegistry
from tests.dataplane.remembered.test_answers import APP, OTHER, body_of, path
from tests.registries.faulty_server import Exchange
from tests.registries.small_registry import digest_of
from tests.registries.waiting import eventually

BLOB = f"/v2/team/app/blobs/{digest_of(b'layer')}"


async def asked_out() -> None:
    await eventually(lambda: not is_asking())


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("by", ["digest", "tag"])
async def test_r19_8_what_was_public_goes_on_for_an_hour_and_ends(
    facade_client: FacadeClient,
    server: PublicRegistry,
    clock: Clock,
    settings: Settings,
    counted: Counted,
    status: int,
    by: str,
) -> None:
    digest = server.repository().put(APP, "1.0")
    reference = digest if by == "digest" else "1.0"
    fresh = await facade_client.request(path(reference), headers=[STRANGER])
    assert "warning" not in fresh.headers
    server.broken = status

    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    for _ in range(3):
        response = await facade_client.request(path(reference), headers=[STRANGER])
        assert (response.status, response.body) == (200, APP)
        assert response.headers["warning"].startswith("110 ")
        assert int(response.headers["age"]) >= settings.FACADE_PUBLIC_SECONDS
    assert counted.answers(by)["stale"] == 3

    clock.skip(settings.FACADE_STALE_SECONDS)
    assert (await facade_client.request(path(reference), headers=[STRANGER])).status in (429, 502, 503)
    await asked_out()


async def test_r19_8_the_mappings_page_is_told(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    assert await asyncio.to_thread(sightings.stale_at, HOST, "team") is None
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert await body_of(facade_client, digest) == APP

    assert await asyncio.to_thread(sightings.stale_at, HOST, "team") is not None
    assert await asyncio.to_thread(sightings.stale_at, "docker.globex.com", "team") is None
    await asked_out()


@pytest.mark.parametrize("status", [200, 429])
async def test_how_many_the_registry_gives_yet_is_seen_by_the_facades_own_requests(
    facade_client: FacadeClient, server: PublicRegistry, status: int
) -> None:
    limits = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "41;w=21600"}
    server.answers(f"/v2/acme/app/manifests/{digest_of(APP)}", status, {"Content-Type": IMAGE, **limits}, APP)

    await facade_client.request(path(digest_of(APP)), headers=[STRANGER])

    limit = await asyncio.to_thread(sightings.limit, server.url)
    assert limit is not None
    assert limit[1:4] == (41, 100, 21_600)


async def test_r19_8_a_registry_that_is_not_there(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP, "1.0")
    assert await body_of(facade_client, "1.0") == APP
    server.stop()
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert [await body_of(facade_client, each) for each in ("1.0", digest)] == [APP, APP]
    blob = await facade_client.request(BLOB, headers=[STRANGER])
    assert blob.error[:2] == (502, "UNAVAILABLE")
    assert "no layers" in blob.error[2]
    await asked_out()


async def test_r19_8_a_realm_that_fails_is_a_failure_too(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.answers("/realm", 503)
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert await body_of(facade_client, digest) == APP
    await asked_out()


async def test_r19_8_a_realm_that_gives_no_token_any_more_is_a_refusal(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.answers("/realm", 403)
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert await body_of(facade_client, digest) == 401


@pytest.mark.parametrize("by", ["digest", "tag"])
async def test_r19_8_a_refusal_ends_it_at_once(
    facade_client: FacadeClient,
    server: PublicRegistry,
    clock: Clock,
    settings: Settings,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(troubles, "RETRY_SECONDS", 0)
    digest = server.repository().put(APP, "1.0")
    reference = digest if by == "digest" else "1.0"
    assert await body_of(facade_client, reference) == APP
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    assert await body_of(facade_client, reference) == APP
    await asked_out()

    server.broken, server.repository().public = None, False
    await body_of(facade_client, reference)
    await asked_out()

    assert await body_of(facade_client, reference) == 401
    server.broken = 503
    assert await body_of(facade_client, reference) == 503


async def test_r19_8_zero_seconds_switch_it_off(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    settings.FACADE_STALE_SECONDS = 0
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert await body_of(facade_client, digest) == 503
    await asked_out()


async def test_r19_8_while_it_fails_nobody_waits_for_it(
    facade_client: FacadeClient,
    server: PublicRegistry,
    clock: Clock,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(troubles, "RETRY_SECONDS", 0)
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    assert await body_of(facade_client, digest) == APP
    server.broken = None
    server.on(f"/v2/acme/app/manifests/{digest}", Exchange.hang)

    for _ in range(5):
        async with asyncio.timeout(5):
            assert await body_of(facade_client, digest) == APP


async def test_r19_8_once_it_answers_again_it_is_asked_again(
    facade_client: FacadeClient,
    server: PublicRegistry,
    clock: Clock,
    settings: Settings,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(troubles, "RETRY_SECONDS", 0)
    server.repository().put(APP, "1.0")
    assert await body_of(facade_client, "1.0") == APP
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    assert await body_of(facade_client, "1.0") == APP

    server.broken = None
    server.repository().put(OTHER, "1.0")
    await body_of(facade_client, "1.0")
    await asked_out()
    response = await facade_client.request(path("1.0"), headers=[STRANGER])
    assert response.body == OTHER
    assert "warning" not in response.headers


async def test_a_registry_that_gives_an_address_so_many_serves_as_many_as_ask(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    """Docker Hub's limit: HEAD is free."""
    server.allowed_gets = 20
    tags = [str(number) for number in range(20)]
    for tag in tags:
        server.repository().put(APP + tag.encode(), tag)

    for _ in range(5):
        assert [await body_of(facade_client, tag) for tag in tags] == [APP + tag.encode() for tag in tags]
        clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)
    assert server.gets == 20

    # What is new is beyond the limit, and what is remembered goes on.
    server.repository().put(OTHER, "new")
    assert await body_of(facade_client, "new", token=MEMBER) == 429
    response = await facade_client.request(path("0"), headers=[STRANGER])
    assert (response.body, "warning" in response.headers) == (APP + b"0", False)
    await asked_out()


async def test_a_registry_that_hangs_costs_half_of_the_time_once_and_then_nothing(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    settings.FACADE_RELAY_SECONDS = 2.0
    digest = server.repository().put(APP)

    def hang_for_nobody(exchange: Exchange) -> None:
        if exchange.request.headers.get("Authorization") == MEMBER[1]:
            exchange.answer(200, {"Content-Type": "application/json"}, APP)
        else:
            exchange.hang()

    server.on(f"/v2/acme/app/manifests/{digest}", hang_for_nobody)

    assert [await body_of(facade_client, digest, token=MEMBER) for _ in range(3)] == [APP] * 3
    anonymous = [request for request in server.requests if "Authorization" not in request.headers]
    assert len(anonymous) == 1
    assert memory.visits.troubles.is_failing(server.url, "GET")

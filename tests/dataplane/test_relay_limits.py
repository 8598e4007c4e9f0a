"""How many relays may be under way at once: at all, for a tenant, for a registry (request-handling.md, R14.9)."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from routing.dataplane.upstream.relay_limits import relay_limits
from tests.dataplane.facade_client import MANIFEST, TAGS, UPSTREAM, FacadeClient
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.registries.waiting import eventually


@pytest.mark.parametrize("setting", ["FACADE_MAX_RELAYS", "FACADE_MAX_RELAYS_PER_TENANT"])
async def test_r14_9_too_many_relays_at_once(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, setting: str
) -> None:
    setattr(settings, setting, 1)
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    slow = asyncio.create_task(facade_client.request(MANIFEST))
    await eventually(lambda: relay_limits.under_way == 1)

    answer = await facade_client.request(TAGS)
    assert answer.error[:2] == (429, "TOOMANYREQUESTS")
    assert int(answer.headers["retry-after"]) >= 1
    other_tenant = await facade_client.request(TAGS, host="docker.globex.com")
    assert other_tenant.status == (429 if setting == "FACADE_MAX_RELAYS" else 200)

    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert relay_limits.under_way == 0
    assert (await facade_client.request(TAGS)).status == 200


async def test_r14_9_one_registry_does_not_take_all_places(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYS_PER_REGISTRY = 1
    settings.FACADE_CONNECT_SECONDS = 2.0
    server.on(UPSTREAM[MANIFEST], Exchange.hang)
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    slow = asyncio.create_task(facade_client.request(MANIFEST))
    await eventually(lambda: server.requests != [])

    answer = await facade_client.request(TAGS)
    assert answer.error[:2] == (504, "UNAVAILABLE")
    assert "too many requests to it are under way" in answer.error[2]

    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert (await facade_client.request(TAGS)).status == 200

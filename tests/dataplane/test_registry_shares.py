"""One tenant doesn't use up what a registry allows the facade's address (request-handling.md, R14.17)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from hashlib import blake2b
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.upstream import dispatch
from routing.dataplane.upstream.credentials import bind
from routing.dataplane.upstream.registry_shares import RegistryShares, has_account
from routing.manifest_store.sightings import sightings
from tests.dataplane.facade_client import MANIFEST, TAGS, UPSTREAM, FacadeClient
from tests.dataplane.test_metrics import scrape
from tests.registries.faulty_server import FaultyServer

INDEX = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
HUB = {"RateLimit-Limit": "10;w=21600", "RateLimit-Remaining": "9;w=21600", "Docker-RateLimit-Source": "192.0.2.9"}
OTHER = "docker.globex.com"


def jwt(**claims: object) -> tuple[str, str]:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return "authorization", f"Bearer head.{payload}.signature"


NOBODYS = jwt(sub="", iss="auth.docker.io")
SOMEBODYS = jwt(sub="6f1c1f4e-0000-4000-8000-000000000000")


@pytest.fixture(autouse=True)
def shares(monkeypatch: pytest.MonkeyPatch) -> RegistryShares:
    fresh = RegistryShares()
    monkeypatch.setattr(dispatch, "registry_shares", fresh)
    return fresh


async def statuses(client: FacadeClient, number: int, host: str = "docker.acme.com", path: str = MANIFEST) -> list[int]:
    return [(await client.request(path, host=host, headers=[NOBODYS])).status for _ in range(number)]


async def test_r14_17_a_tenant_gets_its_share_of_what_the_registry_says(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    server.answers(UPSTREAM[MANIFEST], 200, {**INDEX, **HUB}, b"{}")

    assert await statuses(facade_client, 7) == [200] * 5 + [429] * 2

    refused = await facade_client.request(MANIFEST, headers=[NOBODYS])
    assert refused.error[:2] == (429, "TOOMANYREQUESTS")
    assert "docker login docker.acme.com" in refused.error[2]
    assert 21_500 < int(refused.headers["retry-after"]) <= 21_600
    assert len(server.requests) == 5
    # Another tenant, an account of somebody's, and what doesn't count go on.
    assert await statuses(facade_client, 2, OTHER) == [200] * 2
    assert (await facade_client.request(MANIFEST, headers=[SOMEBODYS])).status == 200
    assert (await facade_client.request(MANIFEST, method="HEAD", headers=[NOBODYS])).status == 200
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []})
    assert (await facade_client.request(TAGS, headers=[NOBODYS])).status == 200


async def test_r14_17_where_the_registry_says_nothing_a_number_an_hour_holds(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 3
    server.answers(UPSTREAM[MANIFEST], 200, INDEX, b"{}")

    assert await statuses(facade_client, 4) == [200, 200, 200, 429]
    assert await statuses(facade_client, 1, OTHER) == [200]


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_r14_17_what_the_registry_did_not_give_out_counts_for_nothing(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, status: int
) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 2
    server.answers(UPSTREAM[MANIFEST], status, {}, b"")

    answered = await statuses(facade_client, 5)

    assert len(set(answered)) == 1
    assert len(server.requests) == 5


async def test_r14_17_nor_does_what_an_account_pays_for(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 2
    account = {**HUB, "Docker-RateLimit-Source": "6f1c1f4e-0000-4000-8000-000000000000"}
    server.answers(UPSTREAM[MANIFEST], 200, {**INDEX, **account}, b"{}")

    assert await statuses(facade_client, 5) == [200] * 5


async def test_r14_17_the_operator_chooses_the_share(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings
) -> None:
    settings.FACADE_RATE_LIMIT_SHARE_PERCENT = 20
    server.answers(UPSTREAM[MANIFEST], 200, {**INDEX, **HUB}, b"{}")

    assert await statuses(facade_client, 3) == [200, 200, 429]


def test_all_workers_of_a_server_count_together(settings: Settings, shares: RegistryShares) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 3
    assert shares.take("1", "https://hub") == 0
    worker = os.fork()
    if worker == 0:
        shares.take("1", "https://hub")
        shares.take("1", "https://hub")
        os._exit(0)
    os.waitpid(worker, 0)

    assert shares.take("1", "https://hub") > 3590
    assert shares.take("2", "https://hub") == 0
    assert shares.take("1", "https://ghcr") == 0


def test_a_share_is_back_after_its_time(
    settings: Settings, shares: RegistryShares, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 1
    now = 10_000.0
    monkeypatch.setattr("routing.dataplane.upstream.registry_shares.time.monotonic", lambda: now)
    assert shares.take("1", "https://hub") == 0
    now += 3599
    assert shares.take("1", "https://hub") == 1
    now += 1
    assert shares.take("1", "https://hub") == 0


def test_many_tenants_share_a_memory_of_one_size(settings: Settings, shares: RegistryShares) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 1
    for each in range(20_000):
        assert shares.take(str(each), "https://hub") == 0

    assert shares.take("19999", "https://hub") > 0
    for each in range(5000):
        shares.learn(f"https://{each}", [("RateLimit-Limit", "10;w=60")])
    assert len(shares._told) <= 1024


def test_a_tenants_own_registries_do_not_push_out_its_count(settings: Settings, shares: RegistryShares) -> None:
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 1

    def guessed_place(origin: str) -> int:
        return (int.from_bytes(blake2b(f"1\0{origin}".encode(), digest_size=8).digest()) | 1) % 4096

    place = guessed_place("https://hub")
    near = [name for name in (f"https://{each}.example" for each in range(80_000)) if guessed_place(name) == place]
    assert len(near) >= 8
    assert shares.take("1", "https://hub") == 0
    for origin in near[:8]:
        assert shares.take("1", origin) == 0

    assert shares.take("1", "https://hub") > 0


@pytest.mark.parametrize(
    ("authorization", "account"),
    [
        (NOBODYS[1], False),
        (jwt(sub="(anonymous)")[1], False),
        (jwt(access=[])[1], False),
        (jwt(sub=7)[1], False),
        (SOMEBODYS[1], True),
        (f"Bearer {bind(SOMEBODYS[1].removeprefix('Bearer '), RegistryEntry('https://r.example', 'r'))}", True),
        (f"Bearer {bind(NOBODYS[1].removeprefix('Bearer '), RegistryEntry('https://r.example', 'r'))}", False),
        ("Bearer rfs1.sealed", True),
        ("Bearer rfo1.no-token-needed", False),
        ("Bearer opaque", False),
        ("Bearer a.!!.c", False),
        ("Bearer a.W10.c", False),
        ("Bearer ü.ü.ü", False),
        ("", False),
    ],
)
def test_whose_token_it_is(authorization: str, account: bool) -> None:
    assert has_account(authorization) == account


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (HUB, (9, 10, 21_600)),
        ({"RateLimit-Remaining": "7"}, (7, 0, 0)),
        ({"RateLimit-Remaining": "0;w=60", "RateLimit-Limit": "x"}, (0, 0, 0)),
        ({"RateLimit-Remaining": "-1"}, None),
        ({**HUB, "Docker-RateLimit-Source": "6f1c1f4e-0000-4000-8000-000000000000"}, None),
        ({}, None),
    ],
)
async def test_how_many_the_registry_gives_yet_is_seen(
    facade_client: FacadeClient,
    server: FaultyServer,
    settings: Settings,
    tmp_path: Path,
    headers: dict[str, str],
    left: tuple[int, int, float] | None,
) -> None:
    settings.STATE_DIR = tmp_path
    sightings.forget()
    server.answers(UPSTREAM[MANIFEST], 200, {**INDEX, **headers}, b"{}")

    await statuses(facade_client, 1)

    limit = await asyncio.to_thread(sightings.limit, server.url)
    assert (limit and limit[1:4]) == left


async def test_that_they_are_used_up_is_seen_too(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    server.answers(UPSTREAM[MANIFEST], 429, {**HUB, "RateLimit-Remaining": "0;w=21600"}, b"")

    assert await statuses(facade_client, 1) == [429]

    told = await asyncio.to_thread(scrape)
    assert told[f"facade_registry_manifests_left{{registry={server.url.partition('://')[2]}}}"] == 0


async def test_when_it_refused_and_how_long_to_wait_is_kept_for_the_registrys_page(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    sightings.forget()
    server.answers(UPSTREAM[MANIFEST], 200, INDEX, b"{}")
    await statuses(facade_client, 1)
    assert sightings.refusal(server.url) is None
    server.answers(UPSTREAM[MANIFEST], 429, {"Retry-After": "77"}, b"")

    await facade_client.request(MANIFEST, headers=[SOMEBODYS])
    # What an account has used up says nothing of the address.
    assert sightings.refusal(server.url) is None
    await statuses(facade_client, 1)

    refusal = sightings.refusal(server.url)
    assert refusal is not None
    assert refusal.wait_seconds == 77

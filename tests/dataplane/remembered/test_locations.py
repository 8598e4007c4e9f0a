"""Where blobs are is asked once for all who ask within a second, and never told later (request-handling.md, R19.11)."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from routing.core.table.mapping_entry import Flag
from routing.dataplane.remembered.recall import memory
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.manifest_store.store import ManifestStore
from tests.dataplane.facade_client import FacadeClient, Response
from tests.dataplane.remembered.conftest import Clock, Counted, entry_of
from tests.dataplane.remembered.public_registry import MEMBER, STRANGER, PublicRegistry
from tests.dataplane.remembered.test_answers import APP, body_of
from tests.dataplane.remembered.test_single_flight import Held
from tests.registries.faulty_server import Exchange
from tests.registries.small_registry import digest_of
from tests.registries.waiting import eventually

LAYER = digest_of(b"layer")
CALLERS = 50


@pytest.fixture
async def public(facade_client: FacadeClient, server: PublicRegistry) -> None:
    """The repository has given a manifest to everybody."""
    assert await body_of(facade_client, server.repository().put(APP)) == APP


async def locate(
    client: FacadeClient,
    *,
    digest: str = LAYER,
    method: str = "GET",
    token: tuple[str, str] = MEMBER,
    name: str = "app",
) -> Response:
    return await client.request(f"/v2/team/{name}/blobs/{digest}", method=method, headers=[token])


def places(answers: list[Response]) -> set[str]:
    assert [answer.status for answer in answers] == [307] * len(answers)
    return {answer.headers["location"] for answer in answers}


@pytest.mark.usefixtures("public")
async def test_r19_11_many_callers_make_one_request_as_nobody(
    facade_client: FacadeClient, server: PublicRegistry, counted: Counted
) -> None:
    held = Held(server)
    callers = [asyncio.create_task(locate(facade_client)) for _ in range(CALLERS)]
    await eventually(lambda: held.waiting > 0)
    await asyncio.sleep(0.1)
    held.may_come.set()

    (place,) = places(await asyncio.gather(*callers))

    assert place == f"https://storage.example/{LAYER}?signature=1"
    assert server.located.total() == 1
    assert MEMBER[1] not in server.located
    assert counted.answers("blob") == {"fetched": 1, "joined": CALLERS - 1}
    await eventually(lambda: relay_limits.under_way == 0)


@pytest.mark.usefixtures("public")
async def test_r19_11_it_is_told_for_a_second_and_no_longer(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock
) -> None:
    first = await locate(facade_client)
    clock.skip(0.9)
    second = await locate(facade_client)
    assert len(places([first, second])) == 1

    clock.skip(0.2)
    assert places([await locate(facade_client)]).isdisjoint(places([first]))
    assert server.located.total() == 2


@pytest.mark.usefixtures("public")
async def test_r19_11_each_blob_is_another(facade_client: FacadeClient, server: PublicRegistry) -> None:
    other = digest_of(b"another")

    answers = [await locate(facade_client), await locate(facade_client, digest=other)]

    assert [digest in answer.headers["location"] for digest, answer in zip((LAYER, other), answers, strict=True)] == [
        True, True,
    ]  # fmt: skip


async def test_r19_11_of_a_repository_that_gave_nothing_each_asks_with_its_own_token(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    assert len(places([await locate(facade_client), await locate(facade_client)])) == 2
    assert server.located == {MEMBER[1]: 2}


@pytest.mark.usefixtures("public")
async def test_r19_11_a_private_repository_beside_it_is_its_members_alone(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    server.repository("acme/secret").public = False
    await locate(facade_client)

    places([await locate(facade_client, name="secret")])
    assert (await locate(facade_client, name="secret", token=STRANGER)).status == 401


@pytest.mark.usefixtures("public")
async def test_r19_11_a_private_mapping_takes_no_part(facade_client: FacadeClient, server: PublicRegistry) -> None:
    places([await locate(facade_client)])
    facade_client.map_to(entry_of(server), flags=Flag.PRIVATE)

    assert (await locate(facade_client, token=STRANGER)).status == 401
    places([await locate(facade_client)])
    assert server.located[MEMBER[1]] == 1


@pytest.mark.usefixtures("public")
async def test_r19_11_what_became_private_is_told_to_nobody(
    facade_client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    places([await locate(facade_client)])
    server.repository().public = False

    # The token that everybody got is good for a minute, as it is at the registry itself.
    clock.skip(61)
    assert (await locate(facade_client, token=STRANGER)).status == 401


@pytest.mark.usefixtures("public")
async def test_r19_11_a_refusal_ends_what_was_told_this_very_second(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore
) -> None:
    places([await locate(facade_client, token=STRANGER)])
    server.repository().public = False
    memory.visits.visitor.forget()
    assert await body_of(facade_client, "1.0") == 401

    assert (await locate(facade_client, token=STRANGER)).status == 401


@pytest.mark.usefixtures("public")
async def test_r19_11_head_is_asked_by_each(facade_client: FacadeClient, server: PublicRegistry) -> None:
    places([await locate(facade_client, method="HEAD"), await locate(facade_client, method="HEAD")])

    assert server.located == {MEMBER[1]: 2}


@pytest.mark.usefixtures("public")
async def test_r19_11_where_the_registry_gives_the_bytes_it_is_asked_as_nobody_once(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    server.storage = ""

    answers = {(await locate(facade_client, digest=digest_of(bytes([number])))).status for number in range(3)}

    # podman can't bring its token there.
    assert answers == {403}
    assert server.located.pop(MEMBER[1]) == 3
    assert server.located.total() == 1


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
async def test_r19_11_what_is_refused_or_fails_is_asked_by_each_and_what_is_not_there_says_nothing_of_manifests(
    facade_client: FacadeClient, server: PublicRegistry, status: int
) -> None:
    def refuse_nobody(exchange: Exchange) -> None:
        if exchange.request.headers.get("Authorization") == MEMBER[1]:
            exchange.answer(307, {"Location": "https://storage.example/mine"})
        else:
            exchange.answer(status)

    server.on(f"/v2/acme/app/blobs/{LAYER}", refuse_nobody)

    assert places([await locate(facade_client) for _ in range(3)]) == {"https://storage.example/mine"}

    asked = [request for request in server.requests if "/blobs/" in request.path]
    assert len(asked) == 4
    before = len(server.requests)
    # Whoever is refused as nobody has nothing from memory either.
    assert await body_of(facade_client, digest_of(APP)) == (401 if status in (401, 403) else APP)
    assert (len(server.requests) == before) == (status not in (401, 403))


@pytest.mark.usefixtures("public")
async def test_r19_11_a_location_that_may_not_be_handed_on_is_not(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    server.answers(f"/v2/acme/app/blobs/{LAYER}", 307, {"Location": "ftp://storage.example/"})

    assert (await locate(facade_client)).status == 502


@pytest.mark.usefixtures("public")
async def test_no_blob_fails_by_a_fault_of_the_memory(
    facade_client: FacadeClient, server: PublicRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fault(*_: object) -> str:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(type(memory.visits), "location", fault)

    places([await locate(facade_client)])
    assert server.located == {MEMBER[1]: 1}


@pytest.mark.usefixtures("public")
async def test_what_is_kept_has_a_bound(
    facade_client: FacadeClient, server: PublicRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from routing.dataplane.remembered import locations

    monkeypatch.setattr(locations, "_MOST_LOCATIONS", 3)
    for number in range(10):
        await locate(facade_client, digest=digest_of(bytes([number])))

    assert len(memory.locations._told) <= 3

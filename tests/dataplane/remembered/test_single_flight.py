"""One asks for all who wait (request-handling.md, R19.5), and what it takes counts as its caller's (R19.9)."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from routing.conf import client_limits, guard_policy
from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.remembered import visits
from routing.dataplane.remembered.recall import memory
from routing.dataplane.remembered.single_flight import Flights, alone
from routing.dataplane.remembered.visits import Visit
from routing.dataplane.serving.middleware import FacadeMiddleware
from routing.dataplane.upstream.registry_shares import RegistryShares
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.manifest_store.store import ManifestStore, Repository, manifest_store
from routing.registries.client import RegistryClient
from tests.dataplane.facade_client import HOST, PODMAN, FacadeClient, set_mappings
from tests.dataplane.remembered.conftest import Counted, entry_of
from tests.dataplane.remembered.public_registry import MEMBER, STRANGER, PublicRegistry, manifest
from tests.dataplane.remembered.test_answers import APP, OTHER, body_of, path
from tests.dataplane.test_answers_nobody_reads import Facade
from tests.fast_lane.lanes import facade
from tests.registries.faulty_server import Exchange
from tests.registries.waiting import eventually
from tests.waiting import until

CALLERS = 100


class Held:
    """The registry's answers to requests for manifests wait until they may come."""

    def __init__(self, server: PublicRegistry) -> None:
        self.may_come = threading.Event()
        self.waiting = 0
        server.before = self._wait

    def _wait(self, exchange: Exchange) -> None:
        self.waiting += 1
        self.may_come.wait(60)


@pytest.mark.parametrize("reference", ["digest", "1.0"])
async def test_r19_5_many_callers_make_one_request(
    facade_client: FacadeClient, server: PublicRegistry, counted: Counted, reference: str
) -> None:
    digest = server.repository().put(APP, "1.0")
    held = Held(server)
    asked = digest if reference == "digest" else reference

    callers = [asyncio.create_task(body_of(facade_client, asked)) for _ in range(CALLERS)]
    await eventually(lambda: held.waiting > 0)
    await asyncio.sleep(0.1)
    held.may_come.set()

    assert await asyncio.gather(*callers) == [APP] * CALLERS
    assert server.gets == 1
    assert server.heads == (0 if reference == "digest" else 1)
    ways = counted.answers("digest" if reference == "digest" else "tag")
    assert ways["fetched"] == 1
    assert ways["joined"] + ways.get("hit", 0) == CALLERS - 1


async def test_r19_5_a_tag_and_its_digest_at_once_make_one_get(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    digest = server.repository().put(APP, "1.0", "2.0")
    held = Held(server)

    callers = [asyncio.create_task(body_of(facade_client, each)) for each in ("1.0", digest, "2.0")]
    await eventually(lambda: held.waiting >= 3)
    held.may_come.set()

    assert await asyncio.gather(*callers) == [APP] * 3
    assert server.gets == 1


@pytest.fixture
def running(server: PublicRegistry, trusting: Settings) -> Iterator[Facade]:
    set_mappings({"team": (entry_of(server), "acme", 0)})
    with Facade(600, facade()) as started:
        yield started


def test_r19_5_who_leaves_takes_the_answer_from_nobody(running: Facade, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)
    held = Held(server)
    first = running.call(path(digest))
    until(lambda: held.waiting == 1, "the first one's request is at the registry")
    others = [running.call(path(digest)) for _ in range(5)]
    until(lambda: relay_limits.under_way == 6, "all are there")

    first.close()
    until(lambda: relay_limits.under_way <= 6, "it has left")
    held.may_come.set()

    assert [caller.recv(9) for caller in others] == [b"HTTP/1.1 "] * 5
    assert server.gets == 1
    for caller in others:
        caller.close()
    until(lambda: relay_limits.under_way == 0, "every place is free again")


def test_r19_5_when_the_last_one_has_left_nothing_is_asked_on(running: Facade, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)
    held = Held(server)
    callers = [running.call(path(digest)) for _ in range(3)]
    until(lambda: held.waiting == 1 and relay_limits.under_way == 3, "all are there")

    for caller in callers:
        caller.close()

    until(lambda: relay_limits.under_way == 0, "every place is free again, while the registry still keeps silent")
    held.may_come.set()
    late = running.call(path(digest))
    assert late.recv(12) == b"HTTP/1.1 200"


async def test_r19_9_a_flight_counts_as_a_relay_of_its_tenants(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYS_PER_TENANT = 2
    first, second = server.repository().put(APP), server.repository().put(OTHER)
    held = Held(server)
    callers = [asyncio.create_task(body_of(facade_client, each)) for each in (first, second)]
    await eventually(lambda: held.waiting == 2)

    assert await body_of(facade_client, first) == 429
    held.may_come.set()
    assert await asyncio.gather(*callers) == [APP, OTHER]
    await eventually(lambda: relay_limits.under_way == 0)
    assert relay_limits.held_bytes == 0


async def test_r19_9_gets_that_the_registry_counts_are_a_share_of_the_tenants(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = RegistryShares()
    monkeypatch.setattr(visits, "registry_shares", shares)
    monkeypatch.setattr("routing.dataplane.upstream.dispatch.registry_shares", shares)
    settings.FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR = 3
    digests = [server.repository().put(manifest(str(number))) for number in range(5)]

    statuses = [(await facade_client.request(path(each), headers=[STRANGER])).status for each in digests]

    assert statuses == [200] * 3 + [429] * 2
    # What is remembered costs nothing.
    assert [(await facade_client.request(path(digests[0]), headers=[STRANGER])).status for _ in range(5)] == [200] * 5


async def test_an_answer_that_is_more_than_the_tenant_may_hold_is_told_as_ever(
    facade_client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    settings.FACADE_MAX_RELAYED_BYTES_PER_TENANT = 1000
    digest = server.repository().put(manifest("x" * 2000))

    assert await body_of(facade_client, digest, token=MEMBER) == 429
    await eventually(lambda: relay_limits.held_bytes == 0)


def _ask(number: int, url: str, reference: str, state: Path, start: object, told: object) -> None:
    """A worker of the facade's, as far as it asks registries."""
    from django.conf import settings as own

    own.STATE_DIR, own.FACADE_MANIFEST_STORE_BYTES = state, 16 * 1024**2
    own.FACADE_ALLOW_INSECURE_REGISTRIES = own.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    memory.forget()

    async def ask() -> str:
        store = manifest_store()
        assert store is not None
        place = relay_limits.acquire("1")
        async with RegistryClient(guard_policy(), client_limits()) as client:
            entry = RegistryEntry(url, "r")
            visit = Visit(store, client, lambda _url: False, place, Repository(url, "acme/app"), entry)
            found = await memory.recall(visit, reference, is_lasting=True)
        return found.how if found is not None and found.kept.body == APP else "nothing"

    start.wait(60)  # type: ignore[attr-defined]
    told.put(asyncio.run(ask()))  # type: ignore[attr-defined]


def _takes_its_time(exchange: Exchange) -> None:
    exchange.server.stopping.wait(0.1)


@pytest.mark.parametrize("reference", ["digest", "1.0"])
def test_r19_5_workers_of_one_machine_make_one_request_together(
    server: PublicRegistry, tmp_path: Path, reference: str
) -> None:
    asked = server.repository().put(APP, "1.0") if reference == "digest" else "1.0"
    server.repository().put(APP, "1.0")
    server.before = _takes_its_time
    context = multiprocessing.get_context("fork")
    start, told = context.Event(), context.Queue()
    workers = [
        context.Process(target=_ask, args=(number, server.url, asked, tmp_path, start, told)) for number in range(3)
    ]
    for worker in workers:
        worker.start()
    start.set()
    found = [told.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)

    assert "nothing" not in found
    assert server.gets == 1
    assert server.heads == (0 if reference == "digest" else 1)


def _hold(path: str, held: object) -> None:
    async def hold() -> None:
        async with alone(path, "key"):
            held.set()  # type: ignore[attr-defined]
            await asyncio.sleep(600)

    asyncio.run(hold())


async def test_a_worker_that_is_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    worker = context.Process(target=_hold, args=(str(tmp_path / "flights"), held))
    worker.start()
    assert await asyncio.to_thread(held.wait, 60)
    entered = []

    async def enter(key: str) -> None:
        async with alone(str(tmp_path / "flights"), key):
            entered.append(key)

    await enter("another key")
    waiting = asyncio.create_task(enter("key"))
    await asyncio.sleep(0.1)
    assert entered == ["another key"]

    worker.kill()
    await asyncio.wait_for(waiting, 60)
    worker.join(60)
    assert entered == ["another key", "key"]


async def test_all_who_wait_get_what_it_comes_to_but_for_those_who_left() -> None:
    flights: Flights[int] = Flights()
    gate = asyncio.Event()

    async def work() -> int:
        await gate.wait()
        raise ArithmeticError

    callers = [asyncio.create_task(flights.join("key", work, lambda: None)) for _ in range(5)]
    await asyncio.sleep(0)
    callers[2].cancel()
    await asyncio.sleep(0)
    gate.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [ArithmeticError] * 2 + [asyncio.CancelledError] + [ArithmeticError] * 2


async def test_what_is_cancelled_with_its_last_caller_is_begun_anew_for_the_next() -> None:
    flights: Flights[int] = Flights()
    ended = []
    gate = asyncio.Event()

    async def work() -> int:
        await gate.wait()
        return 7

    leaver = asyncio.create_task(flights.join("key", work, lambda: ended.append(1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    next_one = asyncio.create_task(flights.join("key", work, lambda: ended.append(2)))
    await asyncio.sleep(0)
    gate.set()

    assert await next_one == (7, False)
    await asyncio.sleep(0)
    assert leaver.cancelled()
    assert sorted(ended) == [1, 2]


@pytest.mark.django_db
def test_under_wsgi_where_each_request_has_an_event_loop_of_its_own(
    server: PublicRegistry, trusting: Settings, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    monkeypatch.setattr(FacadeMiddleware, "sync_capable", True)
    set_mappings({"team": (entry_of(server), "acme", 0)})
    digest = server.repository().put(APP, "1.0")
    client = Client(headers={"host": HOST, "user-agent": PODMAN, "authorization": STRANGER[1]})

    bodies = [client.get(path(reference)).content for reference in (digest, digest, "1.0", "1.0")]

    assert bodies == [APP] * 4
    assert (server.gets, server.heads) == (1, 1)
    assert counted.answers("tag") == {"fetched": 1, "hit": 1}
    assert relay_limits.under_way == 0


def test_a_store_of_another_folder_is_another(settings: Settings, tmp_path: Path, store: ManifestStore) -> None:
    assert manifest_store() is store
    settings.STATE_DIR = tmp_path / "elsewhere"

    assert manifest_store() is not store

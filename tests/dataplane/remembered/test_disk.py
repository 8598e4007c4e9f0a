"""A store that can't be written, read or trusted is as none (request-handling.md, R19.10)."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from routing.dataplane.remembered import anonymous, visits
from routing.dataplane.telemetry.counters import STORE_DAMAGED, STORE_UNWRITABLE
from routing.dataplane.upstream import manifests
from routing.manifest_store import notes
from routing.manifest_store import store as stores
from routing.manifest_store.store import ManifestStore
from tests.dataplane.facade_client import FacadeClient
from tests.dataplane.remembered.conftest import Counted
from tests.dataplane.remembered.public_registry import MEMBER, STRANGER, PublicRegistry
from tests.dataplane.remembered.test_answers import APP, body_of, path


def no_room(path: str) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


async def test_r19_10_on_a_full_disk_it_is_as_if_there_were_none(
    facade_client: FacadeClient,
    server: PublicRegistry,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    digest = server.repository().put(APP, "1.0")
    monkeypatch.setattr(notes, "_created", no_room)

    # What was fetched is given; from then on callers ask by themselves.
    assert await body_of(facade_client, digest, token=MEMBER) == APP
    assert [await body_of(facade_client, "1.0", token=MEMBER) for _ in range(3)] == [APP] * 3

    own = [request for request in server.requests if request.headers.get("Authorization") == MEMBER[1]]
    assert len(own) == 3
    assert counted[STORE_UNWRITABLE] == 1
    assert [record.getMessage() for record in caplog.records if "remembered" in record.getMessage()] == [
        "manifests are not remembered for now: the store can't be written (No space left on device)"
    ]


async def test_the_digest_of_a_long_manifest_keeps_nobody_waiting(
    facade_client: FacadeClient, server: PublicRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four megabytes it takes ten milliseconds: it is made on a thread, and not in the event loop."""
    long = b'{"schemaVersion":2,"annotations":{"x":"' + b"x" * 1_000_000 + b'"}}'
    digest = server.repository().put(long)
    threads: set[int] = set()
    has_digest = manifests.has_digest

    def noted(body: bytes, digest: str) -> bool:
        threads.add(threading.get_ident())
        return has_digest(body, digest)

    monkeypatch.setattr(anonymous, "has_digest", noted)

    assert await body_of(facade_client, digest, token=MEMBER) == long
    assert threads
    assert threading.get_ident() not in threads


async def test_r19_10_when_there_is_room_again_it_goes_on(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = server.repository().put(APP)
    with monkeypatch.context() as patch:
        patch.setattr(notes, "_created", no_room)
        assert await body_of(facade_client, digest, token=MEMBER) == APP
    assert not store.is_on
    store._off_until = 0.0

    assert [await body_of(facade_client, digest) for _ in range(2)] == [APP] * 2
    assert store.is_on


async def test_r19_10_a_damaged_file_is_asked_for_anew(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore, counted: Counted
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    stored = Path(store.bodies.path(digest))
    await asyncio.to_thread(stored.write_bytes, APP.replace(b"app", b"bad"))
    stores._store.cache_clear()

    assert await body_of(facade_client, digest) == APP
    assert server.gets == 2
    assert counted[STORE_DAMAGED] == 1
    assert await asyncio.to_thread(stored.read_bytes) == APP


async def test_r19_10_a_store_that_is_gone_is_made_anew(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore
) -> None:
    digest = server.repository().put(APP)
    assert await body_of(facade_client, digest) == APP
    store.settle()
    shutil.rmtree(store._folder)

    assert [await body_of(facade_client, digest) for _ in range(2)] == [APP] * 2
    assert server.gets == 2


async def test_it_outlives_the_process(
    facade_client: FacadeClient, server: PublicRegistry, store: ManifestStore
) -> None:
    digest = server.repository().put(APP, "1.0")
    assert await body_of(facade_client, "1.0") == APP
    stores._store.cache_clear()
    asked = len(server.requests)

    assert [await body_of(facade_client, each) for each in (digest, "1.0")] == [APP] * 2
    assert len(server.requests) == asked


async def test_no_pull_fails_by_a_fault_of_the_memory(
    facade_client: FacadeClient, server: PublicRegistry, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    digest = server.repository().put(APP)

    async def fault(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(visits.Visits, "manifest", fault)
    monkeypatch.setattr(ManifestStore, "tag", lambda *_: 1 / 0)

    assert await body_of(facade_client, digest, token=MEMBER) == APP
    assert (await facade_client.request(path("1.0"), headers=[STRANGER])).status == 401
    # A worker's protocol has looked before.
    assert counted["registry_errors", "Unforeseen"] in (2, 3)

"""The facade with its memory switched on, a clock that the test moves, and a registry that counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.remembered import visits
from routing.dataplane.remembered.recall import memory
from routing.dataplane.telemetry.counters import Key, counters
from routing.dataplane.upstream.own_account import own_accounts
from routing.dataplane.upstream.registry_shares import RegistryShares
from routing.manifest_store import store as stores
from routing.manifest_store.sightings import sightings
from routing.manifest_store.store import ManifestStore, manifest_store
from routing.registries.auth.accounts import PullAccount, seal_account
from tests.dataplane.remembered.public_registry import PublicRegistry


class Clock:
    """The time by which evidence is dated, in seconds since 1970. It goes on a little whenever somebody looks."""

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        self._now += 0.0001
        return self._now

    def skip(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stores, "now", clock)
    return clock


@pytest.fixture
def server(clock: Clock) -> Iterator[PublicRegistry]:
    """The backing registry, with the public repository acme/app."""
    started = PublicRegistry(now=clock)
    started.repository()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManifestStore]:
    """The memory, empty."""
    settings.STATE_DIR = tmp_path
    settings.FACADE_MANIFEST_STORE_BYTES = 16 * 1024**2
    monkeypatch.setattr(visits, "registry_shares", RegistryShares())
    memory.forget()
    own_accounts.forget_all()
    sightings.forget()
    found = manifest_store()
    assert found is not None
    yield found
    found.settle()
    memory.forget()


class Counted:
    """What was counted since the test began."""

    def __init__(self) -> None:
        self._before = dict(counters.totals)

    def __getitem__(self, key: Key) -> float:
        return counters.totals.get(key, 0) - self._before.get(key, 0)

    def answers(self, by: str) -> dict[str, float]:
        """By how they came, those that are not 0."""
        ways = ("hit", "joined", "fetched", "stale", "passed")
        return {how: number for how in ways if (number := self["remembered_manifests", by, how])}


@pytest.fixture
def counted() -> Counted:
    return Counted()


#: An operator's account at the registry.
ROBOT = PullAccount("robot", "a secret of the operator's")


def entry_of(server: PublicRegistry, account: PullAccount | None = None) -> RegistryEntry:
    """The registry as the table has it."""
    sealed = seal_account(account, server.url) if account else ""
    return RegistryEntry(
        server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s", account=sealed
    )


def is_asking() -> bool:
    """Whether a registry is being asked, for whomever."""
    return any(memory._flights._by_loop.values()) or any(memory.locations._flights._by_loop.values())

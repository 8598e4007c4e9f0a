"""The process of the regular work beside a real server: killed, it begins again, and what it had begun is done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until
from tests.registries.faulty_server import Exchange, FaultyServer


class Registry:
    """Says nothing until it is let go; then it asks for nothing."""

    def __init__(self) -> None:
        self.server = FaultyServer()
        self.let_go = threading.Event()
        self.server.on("/v2/", self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.let_go.wait(60)
        exchange.answer(200, {"Content-Type": "application/json"}, b"{}")


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.let_go.set()
    registry.server.stop()


def maintenance_pids(facade: Facade) -> list[int]:
    # Those of every thread: the supervision has one of its own.
    lists = [path.read_text().split() for path in Path(f"/proc/{facade.pid}/task").glob("*/children")]
    found = []
    for pid in sorted(int(pid) for pids in lists for pid in pids):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"\0maintain\0" in command:
            found.append(pid)
    return found


def shell(facade: Facade, code: str) -> str:
    return facade.manage("shell", "--verbosity", "0", "--command", code).strip()


def test_a_killed_one_begins_again_and_its_jobs_are_done(registry: Registry) -> None:
    with Facade(workers=1, sqlite=True, FACADE_RELAY_SECONDS="60") as facade:
        facade.manage("migrate", "--verbosity", "0")
        wait_until(lambda: facade.request("GET", "/readyz").json()["maintenance"] == "ok", "its work is done in time")
        page = facade.request("GET", "/metrics").body.decode()
        assert 'facade_maintenance_timestamp_seconds{task="proofs"}' in page

        (pid,) = maintenance_pids(facade)
        put_in = (
            "from routing.models import *; from routing.services.registries.probe_jobs import probe_registry_soon; "
            f"registry = Registry.objects.create(name='ours', origin='{registry.server.url}'); "
            "probe_registry_soon(registry)"
        )
        shell(facade, put_in)
        wait_until(lambda: registry.server.connections > 0, "the registry is being asked")
        os.kill(pid, signal.SIGKILL)
        registry.let_go.set()

        wait_until(lambda: maintenance_pids(facade) not in ([], [pid]), "it has begun again")
        assert shell(facade, "from routing.models import *; print(Registry.objects.get(name='ours').auth)") == "unknown"
        # As time does.
        shell(facade, "from routing.models import *; Job.objects.update(lease_until=Job.objects.get().created_at)")
        wait_until(
            lambda: (
                shell(facade, "from routing.models import *; print(Registry.objects.get(name='ours').auth)") == "none"
            ),
            "the job is done by the new one",
        )
        assert facade.request("GET", "/readyz").status == 200

"""The server's first process is killed: what it has started ends by itself, and another server takes the port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.facade import ADDRESS, ROOT, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.test_maintenance import maintenance_pids
from tests.registries.faulty_server import Exchange, FaultyServer

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
HANGING = "/v2/hangs/app/manifests/1.0"
MANIFEST = b'{"schemaVersion": 2}'
RELAY = f"GET {HANGING} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n\r\n".encode()


class Hanging:
    """A registry that answers nobody until it is let go."""

    def __init__(self) -> None:
        self.server = FaultyServer()
        self.let_go = threading.Event()
        self.server.on(HANGING, self._hang)

    def _hang(self, exchange: Exchange) -> None:
        self.let_go.wait(120)
        exchange.answer(200, {"Content-Type": "application/json"}, MANIFEST)


@pytest.fixture
def registry() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.let_go.set()
    hanging.server.stop()


@pytest.fixture
def facade(registry: Hanging) -> Iterator[Facade]:
    settings = {"FACADE_RELAY_SECONDS": "100", "FACADE_PROBE_ON_SAVE": "false"}
    with Facade(workers=2, sqlite=True, **settings) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.manage("add_mapping", HOST, "hangs", f"{registry.server.url}/hangs")
        started.wait_for(PATH, 307, host=HOST)
        started.wait_for(HANGING, 401, host=HOST)
        wait_until(lambda: maintenance_pids(started) != [], "the regular work has begun")
        yield started


def is_there(pid: int) -> bool:
    """Whether it runs; one that has ended, and that nobody has waited for, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_the_end(pids: list[int]) -> None:
    wait_until(lambda: not any(map(is_there, pids)), f"all of {pids} have ended")


def test_its_workers_and_its_regular_work_end_and_another_server_starts(facade: Facade) -> None:
    left = [*facade.worker_pids(), *maintenance_pids(facade)]

    os.kill(facade.pid, signal.SIGKILL)
    wait_for_the_end(left)

    assert "the server's first process is gone" in facade.log()
    facade.start(facade.port)
    facade.wait_for(PATH, 307, host=HOST)


def test_a_server_that_is_started_at_once_waits_for_the_port(facade: Facade) -> None:
    os.kill(facade.pid, signal.SIGKILL)
    facade.start(facade.port)

    facade.wait_for(PATH, 307, host=HOST)


@pytest.mark.parametrize("in_time", [True, False])
def test_its_workers_finish_what_they_have_begun_for_as_long_as_after_a_sigterm(
    facade: Facade, registry: Hanging, in_time: bool
) -> None:
    left = facade.worker_pids()
    with socket.create_connection((ADDRESS, facade.port), timeout=60) as connection:
        connection.sendall(RELAY)
        wait_until(lambda: HANGING in registry.server.paths(), "the registry is asked")
        os.kill(facade.pid, signal.SIGKILL)
        wait_until(lambda: "the server's first process is gone" in facade.log(), "the workers have noticed")
        if in_time:
            registry.let_go.set()
            assert MANIFEST in connection.makefile("rb").read()
        wait_for_the_end(left)


def test_regular_work_ends_whose_parent_was_gone_before_it_looked(facade: Facade) -> None:
    manage = [sys.executable, str(ROOT / "manage.py"), "maintain", "--with-parent"]
    # Stopped before it can look at anything; its parent is gone when it goes on.
    program = (
        "import os, signal, subprocess\nout = subprocess.DEVNULL\n"
        f"child = subprocess.Popen({manage!r} + [str(os.getpid())], stdout=out, stderr=out)\n"
        "os.kill(child.pid, signal.SIGSTOP)\n"
        "print(child.pid)\n"
    )
    started = subprocess.run([sys.executable, "-c", program], env=facade.env, check=True, capture_output=True)
    pid = int(started.stdout)
    assert is_there(pid)

    os.kill(pid, signal.SIGCONT)

    wait_for_the_end([pid])

"""How long a repoint takes until every worker answers with the new registry."""

import contextlib
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks import processes
from benchmarks.servers import AGENT, HOST, LOAD_CORE, PATH, ROOT, TARGET, Facade

_OTHER = "https://other.example.com"
_MAX_CONNECTIONS = 400
_GIVE_UP_SECONDS = 30.0
_LOAD_CONNECTIONS = 16

# Runs the verb in a process of its own, as the admin would, each time it is sent a line; answers when it is committed.
_REPOINTER = """
import sys, time, django
django.setup()
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import repoint
for line in sys.stdin:
    actor, host = Actor.program("benchmark"), "docker0.example.com"
    repoint(actor, "benchmark", hostname=host, prefix="acme0", target=line.strip())
    print(time.time(), flush=True)
"""


def measure(facade: Facade, repoints: int, *, under_load: bool) -> list[float]:
    """Seconds from each repoint's commit until a connection to each of the workers saw it."""
    with _repointer(facade) as repointer, _connections(facade) as connections, _load(facade, under_load):
        took = []
        for number in range(repoints):
            origin = _OTHER if number % 2 == 0 else TARGET
            committed = _repoint(repointer, origin)
            for connection in connections:
                _until(connection, origin + PATH)
            took.append(max(time.time() - committed, 0.0))
        # As it was, for whoever measures next.
        _repoint(repointer, TARGET)
        for connection in connections:
            _until(connection, TARGET + PATH)
        return took


@contextlib.contextmanager
def _repointer(facade: Facade) -> Iterator[subprocess.Popen[str]]:
    environment = facade.environment() | {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", _REPOINTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(30)


def _repoint(repointer: subprocess.Popen[str], origin: str) -> float:
    """Repoint, and say when it was committed."""
    assert repointer.stdin is not None
    assert repointer.stdout is not None
    repointer.stdin.write(f"{origin.removeprefix('https://')}/acme0\n")
    repointer.stdin.flush()
    return float(repointer.stdout.readline())


@contextlib.contextmanager
def _connections(facade: Facade) -> Iterator[list[http.client.HTTPConnection]]:
    """One connection to each worker. The kernel gives a new one to whichever it likes, so this takes some tries."""
    by_worker: dict[int, http.client.HTTPConnection] = {}
    opened: list[http.client.HTTPConnection] = []
    workers = facade.worker_pids()
    try:
        while len(by_worker) < facade.workers:
            if len(opened) >= _MAX_CONNECTIONS:
                raise SystemExit(f"{len(opened)} connections went to {len(by_worker)} of {facade.workers} workers")
            connection = http.client.HTTPConnection("127.0.0.1", facade.port, timeout=10)
            opened.append(connection)
            _location(connection)
            port = connection.sock.getsockname()[1]
            worker = processes.server_of(facade.port, port, workers)
            if worker is not None:
                by_worker.setdefault(worker, connection)
        yield list(by_worker.values())
    finally:
        for connection in opened:
            connection.close()


@contextlib.contextmanager
def _load(facade: Facade, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    command = ["taskset", "-c", LOAD_CORE, "/usr/bin/wrk", "-t1", f"-c{_LOAD_CONNECTIONS}", "-d600s"]
    headers = ["-H", f"Host: {HOST}", "-H", f"User-Agent: {AGENT}"]
    url = f"http://127.0.0.1:{facade.port}{PATH}"
    process = subprocess.Popen([*command, *headers, url], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _location(connection: http.client.HTTPConnection) -> str | None:
    connection.request("GET", PATH, headers={"Host": HOST, "User-Agent": AGENT})
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("Location")


def _until(connection: http.client.HTTPConnection, location: str) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        if _location(connection) == location:
            return
        time.sleep(0.002)
    raise SystemExit("a repoint did not arrive")


def summary(took: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in seconds."""
    ordered = sorted(took)
    return statistics.median(took), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]

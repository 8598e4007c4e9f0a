"""How long a repoint takes until every worker answers with the new registry."""

import http.client
import statistics
import subprocess
import sys
import time

from benchmarks.servers import PATH, ROOT, Facade

_CONNECTIONS = 32
_GIVE_UP_SECONDS = 30.0

# Runs the verb in a process of its own, as the admin would, each time it is sent a line; answers when it is committed.
_REPOINTER = """
import sys, time, django
django.setup()
from routing.services.actor import Actor
from routing.services.mappings import repoint
for line in sys.stdin:
    actor, host = Actor.program("benchmark"), "docker0.example.com"
    repoint(actor, "benchmark", hostname=host, prefix="acme0", target=line.strip())
    print(time.time(), flush=True)
"""


def measure(facade: Facade, repoints: int) -> list[float]:
    """Seconds from each repoint's commit until 32 connections, spread over the workers, all saw it."""
    environment = facade.environment() | {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "PYTHONPATH": str(ROOT)}
    repointer = subprocess.Popen(
        [sys.executable, "-c", _REPOINTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    connections = [http.client.HTTPConnection("127.0.0.1", facade.port, timeout=10) for _ in range(_CONNECTIONS)]
    assert repointer.stdin is not None
    assert repointer.stdout is not None
    took = []
    try:
        for number in range(repoints):
            host = "other.example.com" if number % 2 == 0 else "registry.example.com"
            repointer.stdin.write(f"{host}/acme0\n")
            repointer.stdin.flush()
            committed = float(repointer.stdout.readline())
            for connection in connections:
                _until(connection, f"https://{host}{PATH}")
            took.append(max(time.time() - committed, 0.0))
    finally:
        repointer.stdin.close()
        repointer.wait(30)
        for connection in connections:
            connection.close()
    return took


def _until(connection: http.client.HTTPConnection, location: str) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        connection.request("GET", PATH, headers={"Host": "docker0.example.com", "User-Agent": "docker/28.0.0"})
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("Location") == location:
            return
        time.sleep(0.002)
    raise SystemExit("a repoint did not arrive")


def summary(took: list[float]) -> str:
    """Median and 99th percentile, in milliseconds."""
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(took) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, of {len(took)}"

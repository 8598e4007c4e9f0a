"""make bench: measure, print, and write benchmarks/RESULTS.md. Ratios of one interleaved run are what counts.

The server is pinned to one core, the load to another; peers take turns within each round, so that a machine whose speed
drifts slows them all alike.
"""

import argparse
import contextlib
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import load, propagation
from benchmarks.servers import ROOT, Caddy, Facade, Middleware, Nginx, Server

Measure = Callable[[Server, float], float]
RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """Run every scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement (default 3)")
    parser.add_argument("--repoints", type=int, default=100, help="repoints to time (default 100)")
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    lines = [*_introduction(options.rounds, options.seconds)]
    lines += _throughput(options.rounds, options.seconds)
    lines += _million()
    lines += _propagation(options.repoints)
    RESULTS.write_text("\n".join(lines) + "\n")
    print(f"\nWritten to {RESULTS.relative_to(ROOT)}")


def _introduction(rounds: int, seconds: float) -> list[str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    return [
        "# Results of `make bench`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}. The server on one core, the load (wrk, {load.CONNECTIONS} keep-alive "
        f"connections) on another; medians of {rounds} interleaved rounds of {seconds:g} s. "
        "Compare ratios, not figures.",
        "",
    ]


def _throughput(rounds: int, seconds: float) -> list[str]:
    with contextlib.ExitStack() as stack:

        def started(server: Server) -> Server:
            print(f"started {server.name} with {server.hostnames} hostnames in {server.seconds_to_start:.1f} s")
            return stack.enter_context(server)

        facade = started(Facade())
        wide, wider = started(Facade(10_000)), started(Facade(100_000))
        caddy, caddy_wide = started(Caddy()), started(Caddy(10_000))
        cases: dict[str, tuple[Server, Measure]] = {
            "facade, one mapping": (facade, load.one),
            "facade, 10,000 hostnames": (wide, load.hostnames),
            "facade, 100,000 hostnames": (wider, load.hostnames),
            "facade, one hostname, by the same script": (facade, load.hostnames),
            "facade, mix of clients, endpoints, unknown names and refusals": (facade, load.mix),
            "facade without the fast lane, one mapping": (started(Middleware()), load.one),
            "Caddy, one mapping": (caddy, load.one),
            "Caddy, 10,000 hostnames": (caddy_wide, load.hostnames),
            "nginx, literal return 307": (started(Nginx()), load.one),
        }
        figures: dict[str, list[float]] = {name: [] for name in cases}
        for number in range(rounds):
            for name, (server, measure) in cases.items():
                figures[name].append(measure(server, seconds))
                print(f"round {number + 1}: {name}: {figures[name][-1]:,.0f} requests/s")
        return _table(figures, wider, caddy_wide)


def _table(figures: dict[str, list[float]], wider: Server, caddy_wide: Server) -> list[str]:
    own = figures["facade, one mapping"]
    lines = ["| | requests/s | facade (one mapping) is … times this |", "|---|---:|---:|"]
    for name, found in figures.items():
        ratio = statistics.median(mine / other for mine, other in zip(own, found, strict=True))
        lines.append(f"| {name} | {statistics.median(found):,.0f} | {ratio:.2f} |")
    same_script = figures["facade, one hostname, by the same script"]
    pairs = zip(figures["facade, 100,000 hostnames"], same_script, strict=True)
    flat = statistics.median(many / few for many, few in pairs)
    pairs = zip(figures["facade, 100,000 hostnames"], figures["Caddy, 10,000 hostnames"], strict=True)
    over_caddy = statistics.median(mine / other for mine, other in pairs)
    lines += [
        "",
        f"- 100,000 hostnames: {flat:.2f} of the figure at one hostname (both by the script that changes the `Host`), "
        f"and {over_caddy:,.0f} times Caddy's at 10,000.",
        f"- Start with 100,000 hostnames: {wider.seconds_to_start:.1f} s, {wider.memory_bytes() / 1e6:.0f} MB in the "
        f"largest process. Caddy with 10,000: {caddy_wide.seconds_to_start:.1f} s, "
        f"{caddy_wide.memory_bytes() / 1e6:.0f} MB.",
    ]
    return lines


def _million() -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "snapshot")
        found: dict[str, float] = {}
        for step in ("write", "read"):
            print(f"a million mappings: {step}")
            command = [sys.executable, "-m", "benchmarks.million", path, step]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            found |= {name: float(value) for name, value in re.findall(r"(\w+) ([0-9.e-]+)", done.stdout)}
    return [
        f"- A million mappings on 100,000 hostnames: {found['bytes_each']:.0f} bytes each in a process, read from the "
        f"snapshot file ({found['snapshot_bytes'] / 1e6:.0f} MB) in {found['seconds']:.1f} s of CPU time; "
        f"applying one change takes "
        f"{found['apply_seconds'] * 1e6:.0f} µs.",
    ]


def _propagation(repoints: int) -> list[str]:
    lines = []
    for hostnames in (1, 100_000):
        with Facade(hostnames, workers=4) as facade:
            found = propagation.summary(propagation.measure(facade, repoints))
        lines.append(f"- A repoint until 4 workers answer with it, SQLite, {hostnames:,} mappings, idle: {found}.")
        print(lines[-1])
    return lines


if __name__ == "__main__":
    main()

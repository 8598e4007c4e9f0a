"""What is measured, and how it is told: each part of make bench gives lines of Markdown."""

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from benchmarks import load, processes, propagation
from benchmarks.databases import empty_database
from benchmarks.hanging import HangingRegistry, waiting_relays
from benchmarks.load import Load
from benchmarks.servers import (
    ROOT,
    Caddy,
    CaddyProxy,
    Facade,
    Middleware,
    Nginx,
    NginxProxy,
    Registry,
    Server,
)
from benchmarks.steady import steady_pulls

_CADDY_HOSTNAMES = 10_000
_MAPPINGS_EACH = 10
_WAITING = 200
_PULLS_EACH_SECOND = 500
_REMEMBERED = "facade, a remembered manifest"
_WORKERS = 4


S = TypeVar("S", bound=Server)


class Case(NamedTuple):
    """One line of a table: a server, and the load that it is put under."""

    server: Server
    measure: Callable[[Server, float], Load]


def redirects(options: argparse.Namespace) -> list[str]:
    """Redirects a second, beside what people would use instead."""
    with contextlib.ExitStack() as stack:
        own = started(stack, Facade())
        uncounted = started(stack, Facade(more={"FACADE_STATISTICS_DAYS": "0"}))
        forgetful = started(stack, Facade(more={"FACADE_REMEMBERED_ANSWERS_BYTES": "0"}))
        proxied = started(stack, Facade(more={"FACADE_TRUSTED_PROXIES": "127.0.0.1"}))
        wide = started(stack, Facade(_CADDY_HOSTNAMES))
        wider = started(stack, Facade(options.hostnames))
        caddy, caddy_wide = started(stack, Caddy()), started(stack, Caddy(_CADDY_HOSTNAMES))
        many = f"{options.hostnames:,} hostnames"
        few = f"{_CADDY_HOSTNAMES:,} hostnames"
        cases = {
            "facade, one mapping": Case(own, load.one),
            "facade that doesn't count pulls": Case(uncounted, load.one),
            "facade behind a proxy: each request from another client": Case(proxied, load.proxied),
            "facade that remembers no answers": Case(forgetful, load.one),
            "facade, one hostname, drawn by the script below": Case(own, load.hostnames),
            f"facade, {few}, drawn at random": Case(wide, load.hostnames),
            f"facade, {many}, drawn at random": Case(wider, load.hostnames),
            "facade, a mix of clients, endpoints, unknown names and refusals": Case(own, load.mix),
            "facade without the fast lane": Case(started(stack, Middleware()), load.one),
            "Caddy, one site": Case(caddy, load.one),
            f"Caddy, {few}, drawn at random": Case(caddy_wide, load.hostnames),
            "nginx, a literal `return 307`": Case(started(stack, Nginx()), load.one),
        }
        found = rounds(cases, options)
        one, same_script = "facade, one mapping", "facade, one hostname, drawn by the script below"
        flat = _ratio(found[f"facade, {many}, drawn at random"], found[same_script])
        over_caddy = _ratio(found[f"facade, {many}, drawn at random"], found[f"Caddy, {few}, drawn at random"])
        return [
            "## Redirects",
            "",
            *table(found, one),
            "",
            f"- {many}: {flat:.2f} of the figure at one hostname by the same script, and {over_caddy:,.0f} times "
            f"Caddy's at {_CADDY_HOSTNAMES:,}.",
            f"- Start with {many}: {wider.seconds_to_start:.1f} s, {wider.memory_bytes() / 1e6:.0f} MB in the largest "
            f"process. Caddy with {_CADDY_HOSTNAMES:,}: {caddy_wide.seconds_to_start:.1f} s, "
            f"{caddy_wide.memory_bytes() / 1e6:.0f} MB.",
        ]


def relays(options: argparse.Namespace) -> list[str]:
    """Manifests that pass through, beside plain reverse proxies."""
    with contextlib.ExitStack() as stack:
        registry = Registry()
        stack.enter_context(registry)
        # A tenant's share of an hour would be used up within a minute.
        share = {"FACADE_MAX_RELAYED_MANIFESTS_PER_HOUR": "100000000"}

        def facade(**more: str) -> Facade:
            return started(stack, Facade(registry=registry.origin, asks_for="bearer", more=share | more))

        remembering = facade()
        cases = {
            _REMEMBERED: Case(remembering, load.by_digest(registry.digest)),
            "facade, remembered, by tag": Case(remembering, load.relayed),
            "facade, remembered, and the tag asked for anew": Case(facade(FACADE_TAG_SECONDS="0"), load.relayed),
            "facade, relayed with the caller's token": Case(facade(FACADE_MANIFEST_STORE_BYTES="0"), load.relayed),
            "Caddy, `reverse_proxy`": Case(started(stack, CaddyProxy(registry.origin)), load.relayed),
            "nginx, `proxy_pass`": Case(started(stack, NginxProxy(registry.origin)), load.relayed),
        }
        found = rounds(cases, options)
        return ["## Relayed manifests", "", *table(found, _REMEMBERED)]


def hanging(options: argparse.Namespace) -> list[str]:
    """Latency of redirects while relays wait for a registry that never answers."""
    registry = HangingRegistry()
    # With a memory one would ask for all.
    more = {"FACADE_RELAY_SECONDS": "3600", "FACADE_MANIFEST_STORE_BYTES": "0"}
    with contextlib.ExitStack() as stack:
        stack.callback(registry.close)
        calm = started(stack, Facade(registry=registry.origin, asks_for="bearer", more=more))
        busy = started(stack, Facade(registry=registry.origin, asks_for="bearer", more=more))
        stack.enter_context(waiting_relays(busy, registry, _WAITING))
        cases = {
            "nobody waits": Case(calm, load.one),
            f"{_WAITING} relays wait": Case(busy, load.one),
        }
        found = rounds(cases, options)
        return ["## Redirects while a registry hangs", "", *_latencies(found)]


def remembering(options: argparse.Namespace) -> list[str]:
    """Latency of redirects while remembered manifests are given out."""
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(Registry())
        calm = started(stack, Facade(registry=registry.origin, asks_for="bearer"))
        busy = started(stack, Facade(registry=registry.origin, asks_for="bearer"))
        statuses = stack.enter_context(steady_pulls(busy, registry.digest, _PULLS_EACH_SECOND))
        cases = {
            "no manifest is asked for": Case(calm, load.one),
            f"{_PULLS_EACH_SECOND} remembered manifests a second": Case(busy, load.one),
        }
        found = rounds(cases, options)
        if set(statuses) != {200}:
            raise SystemExit(f"the manifests were answered with {sorted(set(statuses))}")
        lines = _latencies(found)
        return ["## Redirects while remembered manifests are given out", "", *lines, f"- {len(statuses):,} were given."]


def _latencies(found: Mapping[str, list[Load]]) -> list[str]:
    """Of two cases: each one's p99, and how much longer the second one's is."""
    ratio = statistics.median(
        second.p99_seconds / first.p99_seconds for first, second in zip(*found.values(), strict=True)
    )
    lines = [
        f"- {name}: p99 {statistics.median(each.p99_seconds for each in loads) * 1000:.2f} ms at "
        f"{statistics.median(each.rate for each in loads):,.0f} redirects/s."
        for name, loads in found.items()
    ]
    return [*lines, f"- The p99 is {ratio:.2f} times as long."]


def scale(options: argparse.Namespace) -> list[str]:
    """A million mappings, and how soon a repoint is everywhere, on both databases."""
    lines = ["## A million mappings, and repoints", ""]
    facts, times = [], []
    for kind in ("SQLite", "PostgreSQL"):
        for hostnames, each in ((1, 1), (options.hostnames, _MAPPINGS_EACH)):
            with (
                empty_database(kind) as url,
                Facade(hostnames, mappings_each=each, workers=_WORKERS, database_url=url) as facade,
            ):
                size = hostnames * each
                print(f"started with {size:,} mappings on {kind} in {facade.seconds_to_start:.1f} s", flush=True)
                if size > 1:
                    facts += _size_facts(kind, facade)
                for under_load in (False, True):
                    took = propagation.measure(facade, options.repoints, under_load=under_load)
                    p50, p99 = propagation.summary(took)
                    state = "under load" if under_load else "idle"
                    times.append(
                        f"| {kind} | {size:,} | {state} | {p50 * 1000:.0f} ms | {p99 * 1000:.0f} ms | {len(took)} |"
                    )
                    print(times[-1], flush=True)
    return [
        *lines,
        *facts,
        "",
        f"From a repoint's commit until each of {_WORKERS} workers answers with it (on all cores, which the load "
        "shares):",
        "",
        "| database | mappings | | p50 | p99 | repoints |",
        "|---|---:|---|---:|---:|---:|",
        *times,
    ]


def _size_facts(kind: str, facade: Facade) -> list[str]:
    pids = [facade.process.pid, *facade.worker_pids()]
    together = sum(processes.proportional_bytes(pid) for pid in pids)
    found: dict[str, dict[str, float]] = {}
    for step in ("load", "snapshot"):
        command = [sys.executable, "-m", "benchmarks.scale", step]
        environment = facade.environment() | {"FACADE_STATE_DIR": str(facade.directory / "scale")}
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
        found[step] = {name: float(value) for name, value in re.findall(r"(\w+) ([0-9.e-]+)", done.stdout)}
        print(kind, step, found[step], flush=True)
    loaded, read = found["load"], found["snapshot"]
    return [
        f"- {loaded['mappings']:,.0f} mappings on {facade.hostnames:,} hostnames, nine in ten renaming, in {kind}: "
        f"loaded in {loaded['seconds']:.1f} s, {loaded['bytes_each']:.0f} bytes each in a process. The snapshot file "
        f"({loaded['snapshot_bytes'] / 1e6:.0f} MB) is read in {read['seconds']:.1f} s, {read['bytes_each']:.0f} bytes "
        f"each. Applying one change takes {loaded['apply_seconds'] * 1e6:.0f} µs. gunicorn's first process and "
        f"{facade.workers} workers hold {together / 1e6:.0f} MB together, and serve {facade.seconds_to_start:.1f} s "
        "after the start.",
    ]


def started(stack: contextlib.ExitStack, server: S) -> S:
    print(f"started {server.name} with {server.hostnames} hostnames in {server.seconds_to_start:.1f} s", flush=True)
    stack.enter_context(server)
    return server


def rounds(cases: Mapping[str, Case], options: argparse.Namespace) -> dict[str, list[Load]]:
    for server, measure in cases.values():
        # Until it has seen everything once: the peers compile nothing and remember nothing, but the facade does.
        measure(server, options.seconds)
    found: dict[str, list[Load]] = {name: [] for name in cases}
    for number in range(options.rounds):
        for name, (server, measure) in cases.items():
            one = measure(server, options.seconds)
            found[name].append(one)
            print(
                f"round {number + 1}: {name}: {one.rate:,.0f} requests/s, {one.cpu_seconds * 1e6:.2f} µs of CPU each",
                flush=True,
            )
    return found


def _ratio(mine: list[Load], others: list[Load]) -> float:
    return statistics.median(one.rate / other.rate for one, other in zip(mine, others, strict=True))


def _cpu_ratio(mine: list[Load], others: list[Load]) -> float:
    return statistics.median(other.cpu_seconds / one.cpu_seconds for one, other in zip(mine, others, strict=True))


def table(found: Mapping[str, list[Load]], own: str) -> list[str]:
    lines = [
        f"| | requests/s | “{own}” is … times this | µs of CPU a request | by CPU … times |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, loads in found.items():
        rate = statistics.median(each.rate for each in loads)
        cpu = statistics.median(each.cpu_seconds for each in loads) * 1e6
        ratios = f"{_ratio(found[own], loads):.2f} | {cpu:.2f} | {_cpu_ratio(found[own], loads):.2f}"
        lines.append(f"| {name} | {rate:,.0f} | {ratios} |")
    return lines

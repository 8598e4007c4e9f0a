"""Whole pulls at the edge: Caddy with deploy/caddy/Caddyfile before the facade; beside it Caddy and nginx alone."""

import argparse
import contextlib
import secrets
import socket
import ssl
import statistics
import threading
from functools import partial
from typing import Any, Self

from benchmarks import load
from benchmarks.load import Load
from benchmarks.scenarios import Case, rounds, started
from benchmarks.servers import ROOT, Facade, Server, free_port
from benchmarks.tls import ByTls, TlsCaddy, TlsFacade, TlsNginx

_BASE = "Caddy that redirects"
_SCANNERS = 2


class EdgedFacade(Facade):
    """The facade, whose gate is asked by the edge before it."""

    def __init__(self) -> None:
        self.gate_port = free_port()
        super().__init__(
            more={"FACADE_TRUSTED_PROXIES": "127.0.0.1", "FACADE_GATE_BIND": f"127.0.0.1:{self.gate_port}"}
        )


class Edge(ByTls, Server):
    """Caddy as docker compose runs it, with certificates of its own authority. Its CPU time is the facade's as well."""

    name = "the edge"

    def __init__(self, behind: EdgedFacade) -> None:
        self.behind = behind
        super().__init__()

    def environment(self) -> dict[str, str]:
        ports = {name: str(free_port()) for name in ("EDGE_HTTP_PORT", "EDGE_GATE_PORT")}
        return (
            super().environment()
            | ports
            | {
                "GOMAXPROCS": "1",
                "HOME": str(self.directory),
                "XDG_DATA_HOME": str(self.directory),
                "FACADE_ACME_EMAIL": "internal",
                "FACADE_APP": f"127.0.0.1:{self.behind.port}",
                "FACADE_GATE": f"127.0.0.1:{self.behind.gate_port}",
                "EDGE_BIND": "127.0.0.1",
                "EDGE_HTTPS_PORT": str(self.port),
            }
        )

    def command(self) -> list[str]:
        return [*TlsCaddy.program(), "run", "--config", str(ROOT / "deploy" / "caddy" / "Caddyfile")]

    def cpu_seconds(self) -> float:
        return super().cpu_seconds() + self.behind.cpu_seconds()


def edge(options: argparse.Namespace) -> list[str]:
    """A pull's requests by TLS, kept alive and with a new connection each, everything on one core."""
    with contextlib.ExitStack() as stack:
        behind = started(stack, EdgedFacade())
        servers: dict[str, Any] = {
            "the edge, the facade behind it": started(stack, Edge(behind)),
            "facade that ends TLS": started(stack, TlsFacade()),
            _BASE: started(stack, TlsCaddy()),
            "nginx, a literal `return 307`": started(stack, TlsNginx()),
        }
        scanned = _while_scanned(servers["the edge, the facade behind it"], behind, options)
        lines = [
            "## Whole pulls by TLS",
            "",
            f"A pull is {len(load.PULL)} requests: the ping, a manifest by its tag and by its digest, a configuration "
            "and four layers. Edge and facade share the one core, and both count in its CPU.",
        ]
        for kind, closes in (("kept alive", False), ("a connection and a handshake for each request", True)):
            measure = partial(load.pulls_by_tls, closes=closes)
            found = rounds({name: Case(server, measure) for name, server in servers.items()}, options)
            lines += ["", f"### {kind[0].upper()}{kind[1:]}", "", *_table(found)]
        return [*lines, "", scanned]


class Scanners:
    """Strangers that shake hands with the edge for names that nobody has, each of which it asks the gate about."""

    def __init__(self, port: int) -> None:
        self.asked = 0
        self._port, self._over = port, threading.Event()
        self._threads = [threading.Thread(target=self._scan) for _ in range(_SCANNERS)]

    def _scan(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while not self._over.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as raw:
                self.asked += 1
                context.wrap_socket(raw, server_hostname=f"{secrets.token_hex(8)}.example").close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def _while_scanned(edge: Server, behind: Facade, options: argparse.Namespace) -> str:
    """How long redirects of the facade take while strangers come to the edge."""
    calm, scanned, asked = [], [], 0
    for _ in range(options.rounds):
        calm.append(load.one(behind, options.seconds).p99_seconds)
        with Scanners(edge.port) as scanners:
            scanned.append(load.one(behind, options.seconds).p99_seconds)
        asked += scanners.asked
    p99, meanwhile = (statistics.median(each) * 1000 for each in (calm, scanned))
    return (
        f"While scanners shake hands with the edge for random names, {asked / options.rounds / options.seconds:,.0f} a "
        f"second, the p99 of the facade's redirects is {meanwhile:.2f} ms; without them it is {p99:.2f} ms."
    )


def _table(found: dict[str, list[Load]]) -> list[str]:
    lines = [
        f"| | pulls/s | times {_BASE} | ms of CPU a pull | p99 of a request |",
        "|---|---:|---:|---:|---:|",
    ]
    number = len(load.PULL)
    for name, each in found.items():
        ratio = statistics.median(own.rate / base.rate for own, base in zip(each, found[_BASE], strict=True))
        rate, cpu = (
            statistics.median(values) for values in zip(*((one.rate, one.cpu_seconds) for one in each), strict=True)
        )
        p99 = statistics.median(one.p99_seconds for one in each)
        lines.append(
            f"| {name} | {rate / number:,.0f} | {ratio:.2f} | {cpu * number * 1000:.2f} | {p99 * 1000:.1f} ms |"
        )
    return lines

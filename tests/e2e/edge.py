"""Caddy with deploy/caddy/Caddyfile before a facade, on loopback, with an authority of its own.

with Edge(facade.port, gate_port, free_port(ADDRESS)) as edge:
    edge.handshake("docker.acme.test")
"""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.e2e.lab.system import System

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = "127.0.0.1"
_SECONDS = 60.0


@cache
def caddy() -> Path:
    """Caddy's program, of the version that `requirements-bench.txt` pins."""
    subprocess.run([str(ROOT / "scripts" / "venv"), "bench"], check=True)
    environment = ROOT / ".venv-bench"
    return next(environment.glob("lib/python*/site-packages/caddy*/**/caddy"), environment / "bin" / "caddy")


class Edge:
    """The edge of one facade, for clients on `port`. It keeps its certificates when it is started again."""

    def __init__(self, facade_port: int, gate_port: int, port: int) -> None:
        self.folder = process.short_directory("edge")
        self.http_port, self.port = free_port(ADDRESS), port
        self._env = process.private_environment(self.folder) | {
            "XDG_DATA_HOME": str(self.folder / "data"),
            "FACADE_ACME_EMAIL": "internal",
            "FACADE_APP": f"{ADDRESS}:{facade_port}",
            "FACADE_GATE": f"{ADDRESS}:{gate_port}",
            "EDGE_BIND": ADDRESS,
            "EDGE_HTTP_PORT": str(self.http_port),
            "EDGE_HTTPS_PORT": str(self.port),
            "EDGE_GATE_PORT": str(free_port(ADDRESS)),
        }
        self.start()

    def start(self) -> None:
        """Start Caddy, and wait until it listens."""
        config = ROOT / "deploy" / "caddy" / "Caddyfile"
        self._daemon = Daemon([str(caddy()), "run", "--config", str(config)], self.folder, self._env)
        self._daemon.wait_ready(lambda: self.root.exists() and self._listens())

    def kill(self) -> None:
        """End it; `start` brings it back."""
        self._daemon.stop()

    @property
    def root(self) -> Path:
        """The certificate of its authority."""
        return self.folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def log(self) -> str:
        return self._daemon.log.read_text(errors="replace")

    def connect(self, name: str) -> ssl.SSLSocket:
        """A connection for that name, whose certificate is judged. Raises OSError, of which ssl.SSLError is one."""
        trust = ssl.create_default_context(cafile=str(self.root))
        plain = socket.create_connection((ADDRESS, self.port), _SECONDS)
        try:
            return trust.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def shakes_hands(self, name: str) -> bool:
        """Whether a handshake for that name succeeds."""
        try:
            self.connect(name).close()
        except OSError:
            return False
        return True

    def get(self, name: str, target: str, **headers: str) -> http.client.HTTPResponse:
        """One request by https. Its answer's body was read."""
        connection = http.client.HTTPSConnection(name, self.port, timeout=_SECONDS)
        connection.sock = self.connect(name)
        try:
            connection.request("GET", target, headers={"Host": f"{name}:{self.port}", **headers})
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def certificates(self) -> set[str]:
        """The names of which it has certificates on its disk."""
        folder = self.folder / "data" / "caddy" / "certificates"
        return {path.stem for path in folder.rglob("*.crt")}

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.folder)

    def _listens(self) -> bool:
        try:
            socket.create_connection((ADDRESS, self.port), _SECONDS).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class NamedSystem(System):
    """This machine, where names lead as `hosts` says, and one more authority is trusted. Needs root."""

    hosts: Path = Path("/etc/hosts")
    trusted: Path = Path("/dev/null")

    def command(self, argv: Sequence[str]) -> list[str]:
        """What to run so that `argv` runs there."""
        script = 'mount --bind "$1" /etc/hosts && export SSL_CERT_FILE="$2" && shift 2 && exec "$@"'
        shell = ["sh", "-euc", script, "sh", str(self.hosts), str(self.trusted)]
        return ["unshare", "--mount", "--propagation", "private", *shell, *argv]


def with_names(names: Sequence[str], folder: Path, trusted: Path) -> NamedSystem:
    """Where these names lead to the edge, and its authority is trusted."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {' '.join(names)}\n")
    return NamedSystem("this machine behind the edge", hosts=hosts, trusted=trusted)

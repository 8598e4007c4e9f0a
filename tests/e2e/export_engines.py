"""Engines that run what `routing/publish` writes, before an app that says what it was asked.

with Nginx(rules) as engine:
    engine.ask(request)
"""

from __future__ import annotations

import base64
import json
import re
import socket
import socketserver
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from routing.core.decide import Request
from routing.publish.documents import Surroundings
from routing.publish.formats import FORMATS
from routing.publish.rules import Rules
from tests.e2e.engines import caddy, envoy
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon

ADDRESS = "127.0.0.1"
_SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """An engine's answer. `handed_on` is what the app was asked, where it was: its first line, and its fields."""

    status: int
    headers: dict[str, str]
    body: bytes
    handed_on: list[str] | None

    @property
    def is_of_the_facade(self) -> bool:
        """Whether it is one of the facade's own kind, by whomever."""
        return "docker-distribution-api-version" in self.headers

    def json(self) -> Any:
        return json.loads(self.body)


class _App(socketserver.StreamRequestHandler):
    """Says in a header field what it was asked, for HEAD too."""

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        lines = head.decode("latin-1").split("\r\n")[:-2]
        seen = base64.b64encode(json.dumps(lines).encode()).decode()
        answer = f"HTTP/1.1 200 OK\r\nX-Seen: {seen}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.wfile.write(answer.encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128


class Engine:
    """One engine with the export of some rules. `folder` has the files."""

    format: ClassVar[str]

    def __init__(self, rules: Rules, **around: Any) -> None:
        self.folder = process.short_directory("export")
        self.port = free_port(ADDRESS)
        self._app = _Server((ADDRESS, 0), _App)
        threading.Thread(target=self._app.serve_forever, daemon=True).start()
        app = f"{ADDRESS}:{self._app.server_address[1]}"
        self._around = Surroundings(f"{ADDRESS}:{self.port}", app, "http", folder=str(self.folder), **around).checked()
        self.replace(rules)
        self._start()

    def _start(self) -> None:
        self._daemon = Daemon(self.command(), self.folder, process.private_environment(self.folder))
        self._daemon.wait_ready(self._listens)

    def replace(self, rules: Rules) -> None:
        """Move the files of other rules into place."""
        for file in FORMATS[self.format].write(rules, self._around).files:
            self.file = self.folder / file.name
            aside = self.folder / f".{file.name}"
            aside.write_text(file.text)
            aside.replace(self.file)

    def restart(self) -> None:
        """End the engine and start it again, with the files that are there."""
        self._daemon.stop()
        self._start()

    def stop_app(self) -> None:
        """End the app that is asked for the rest."""
        self._app.shutdown()
        self._app.server_close()

    def command(self) -> Sequence[str]:
        """What runs it in the foreground."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return self._daemon.pid

    def log(self) -> str:
        """What the engine wrote last."""
        return self._daemon.tail()

    def ask(self, request: Request) -> Said:
        """One request, as it stands, on a connection of its own."""
        target = f"{request.path}?{request.query}" if request.query else request.path
        lines = [f"{request.method} {target} HTTP/1.{0 if request.is_http_1_0 else 1}"]
        if request.host or not request.is_http_1_0:
            lines.append(f"Host: {request.host}")
        if request.user_agent:
            lines.append(f"User-Agent: {request.user_agent}")
        if request.authorized:
            lines.append("Authorization: Bearer secret")
        lines += ["Connection: close", "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def send(self, head: bytes) -> Said:
        """The same of bytes."""
        with socket.create_connection((ADDRESS, self.port), _SECONDS) as sock:
            sock.sendall(head)
            received = b""
            # Not until the connection ends: Envoy waits a second for the client to do so.
            while not _is_whole(received, head) and (more := _received(sock)):
                received += more
        top, _, body = received.partition(b"\r\n\r\n")
        first, *fields = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        seen = headers.get("x-seen")
        status = int(first.split()[1]) if first else 0
        return Said(status, headers, body, None if seen is None else json.loads(base64.b64decode(seen)))

    def stop(self) -> None:
        self._daemon.stop()
        self.stop_app()
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


def _is_whole(received: bytes, head: bytes) -> bool:
    """Whether an answer that tells its length is all there."""
    top, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)", top)
    if not end or length is None:
        return False
    return head.startswith(b"HEAD ") or len(body) >= int(length[1])


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


class Nginx(Engine):
    """Debian's nginx."""

    format = "nginx"

    def command(self) -> Sequence[str]:
        directives = f"daemon off; master_process off; pid {self.folder}/pid;"
        return ["nginx", "-p", str(self.folder), "-c", str(self.file), "-g", directives]


class Caddy(Engine):
    """Caddy of PyPI."""

    format = "caddy"

    def command(self) -> Sequence[str]:
        return [str(caddy()), "run", "--config", str(self.file)]


class HAProxy(Engine):
    """Debian's HAProxy."""

    format = "haproxy"

    def command(self) -> Sequence[str]:
        return ["haproxy", "-db", "-f", str(self.file)]


class Envoy(Engine):
    """Envoy of PyPI."""

    format = "envoy"

    def command(self) -> Sequence[str]:
        return [str(envoy()), "--concurrency", "1", "--disable-hot-restart", "-l", "warn", "-c", str(self.file)]


ENGINES: tuple[type[Engine], ...] = (Nginx, Caddy, HAProxy, Envoy)

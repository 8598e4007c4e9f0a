"""A publisher of the test's own, on the loopback interface, and what it publishes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.edge.document import pack
from routing.publish.documents import Surroundings
from routing.publish.envoy import envoy
from routing.publish.rules import rules_of
from tests.core.contract import REGISTRIES

TOKEN = "rft_secret"


def document(
    generation: int, hostnames: int = 3, lead: str = "mcr", around: Surroundings | None = None, *, target: int = 0
) -> bytes:
    """What the facade publishes of so many hostnames, each with a mapping."""
    hosts = {f"h{number}.example": HostEntry("acme") for number in range(hostnames)}
    mappings = {f"{name}/app": MappingEntry(lead, f"app-{target or generation}", 1) for name in hosts}
    table = Table.build(
        Policy(), generation, {"acme": TenantEntry("Acme")}.items(), REGISTRIES.items(), hosts.items(), mappings.items()
    )
    around = around or Surroundings("127.0.0.1:80", "127.0.0.1:8000", "http", folder="/etc/envoy")
    return pack("envoy", generation, ((file.name, file.text) for file in envoy(rules_of(table), around).files)).encode()


class Publisher(ThreadingHTTPServer):
    """Answers `body` with `etag` and `status`; `raw` is sent as it is instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.etag, self.status, self.raw = b"", '"1"', 200, b""
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.served: list[int] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        publisher = self.server
        publisher.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if publisher.raw:
            self.wfile.write(publisher.raw)
            return
        same = self.headers.get("If-None-Match") == publisher.etag
        status = 304 if same and publisher.status == 200 else publisher.status
        body = b"" if status == 304 else publisher.body
        self.send_response(status)
        self.send_header("ETag", publisher.etag)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        publisher.served.append(status)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def publishing(body: bytes) -> Iterator[Publisher]:
    """A publisher that has a document."""
    with Publisher() as publisher:
        publisher.body = body
        threading.Thread(target=publisher.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield publisher
        finally:
            publisher.shutdown()

"""TLS ended by the workers, beside Caddy and nginx that end it and redirect: kept alive, and a connection a request."""

import argparse
import contextlib
import http.client
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.scenarios import Case, rounds, started, table
from benchmarks.servers import AGENT, HOST, PATH, TARGET, Caddy, Facade, Nginx, Server, free_port
from tests.registries.certificates import Authority


class _Certificate:
    """Files of a certificate for the benchmarks' hostname, named as lego does."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / f"{HOST}.crt", folder / f"{HOST}.key"
        for path, content in zip((self.certificate, self.key), Authority(folder).issue(HOST), strict=True):
            path.write_bytes(content)


class ByTls(Server):
    """Asked by TLS."""

    scheme = "https"

    def ask(self, host: str = HOST, path: str = PATH) -> tuple[int, str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Whose certificate it is makes no difference to what is measured.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.closing(_Connection(host, self.port, context)) as connection:
            connection.request("GET", path, headers={"Host": host, "User-Agent": AGENT})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""


class _Connection(http.client.HTTPSConnection):
    """A connection to loopback, for a name that leads there for nobody else."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=5, context=context)
        self._tls = context

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), 5)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


class TlsFacade(ByTls, Facade):
    """The facade, whose worker ends TLS."""

    name = "facade that ends TLS"

    def prepare(self) -> None:
        _Certificate(self.directory)
        self.plain_port = free_port()
        super().prepare()

    def environment(self) -> dict[str, str]:
        ending = {"FACADE_TLS_CERTIFICATES": str(self.directory), "FACADE_TLS_PORT": str(self.port)}
        return super().environment() | ending | {"PORT": str(self.plain_port)}


class TlsCaddy(ByTls, Caddy):
    """Caddy with the plain recipe and a certificate. With `behind` it passes everything on to that server."""

    name = "Caddy that ends TLS"

    def __init__(self, behind: Server | None = None) -> None:
        self.behind = behind
        super().__init__()

    def prepare(self) -> None:
        files = _Certificate(self.directory)
        does = f"reverse_proxy 127.0.0.1:{self.behind.port}" if self.behind else f"redir {TARGET}{{uri}} 307"
        (self.directory / "Caddyfile").write_text(
            "{\n    admin off\n    auto_https off\n    servers {\n        protocols h1\n    }\n}\n"
            f"https://{HOST}:{self.port} {{\n    tls {files.certificate} {files.key}\n    {does}\n}}\n"
        )


class TlsNginx(ByTls, Nginx):
    """nginx with a literal `return 307` and a certificate."""

    name = "nginx that ends TLS"
    listens = "ssl"

    def outside(self) -> str:
        files = _Certificate(self.directory)
        # Older ones speak TLS 1.2 alone unless they are told, and a session that goes on costs no key exchange there.
        protocols = "ssl_protocols TLSv1.2 TLSv1.3;"
        return f"{protocols} ssl_certificate {files.certificate}; ssl_certificate_key {files.key};"


def tls(options: argparse.Namespace) -> list[str]:
    """Redirects by TLS: kept alive, and with a new connection each. wrk goes on with its sessions, by TLS 1.3.

    So such a handshake has a key exchange and no signature.
    """
    with contextlib.ExitStack() as stack:
        behind = started(stack, Facade(more={"FACADE_TRUSTED_PROXIES": "127.0.0.1"}))
        servers: dict[str, Any] = {
            "facade that ends TLS": started(stack, TlsFacade()),
            "Caddy that ends TLS and redirects": started(stack, TlsCaddy()),
            "Caddy that ends TLS, the facade behind it": started(stack, TlsCaddy(behind)),
            "nginx that ends TLS and redirects": started(stack, TlsNginx()),
        }
        lines = []
        for kind, closes in (("kept alive", False), ("a connection and a handshake each", True)):
            measure = partial(load.by_tls, closes=closes)
            found = rounds({name: Case(server, measure) for name, server in servers.items()}, options)
            lines += ["", f"### {kind[0].upper()}{kind[1:]}", "", *table(found, "facade that ends TLS")]
        return ["## TLS", *lines]

"""Proxies in front of a facade, with the configurations that docs/how-to/proxies.md has.

Only what a test can't have as it stands there is another: addresses, ports, and where certificates lie.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from tests.docs.pages import DOCS, blocks
from tests.e2e.engines import caddy
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.registries.certificates import Authority

PAGE = DOCS / "how-to" / "proxies.md"
ADDRESS = "127.0.0.1"
HOST = "docker.acme.com"
#: Where the requests of `get` come from: an address that nobody takes for a proxy's.
CLIENT = "127.0.0.77"


def documented(heading: str, language: str) -> str:
    """The first block of a language below a heading of the page."""
    line = PAGE.read_text().splitlines().index(heading) + 1
    return next(block.text for block in blocks(PAGE) if block.line > line and block.language == language)


class Front:
    """An engine on a port of this machine's, by https, before a facade on another.

    `spoilt`: what stands in the configuration instead of parts of it. `name`, `days`: whose its certificate is, and how
    long it is valid. `authority` is a file of the authority that clients have to know.
    """

    heading: ClassVar[str]
    language: ClassVar[str]

    def __init__(
        self,
        facade_port: int,
        port: int = 0,
        *,
        spoilt: Mapping[str, str] | None = None,
        name: str = HOST,
        days: float = 1,
    ) -> None:
        self.folder = process.short_directory("front")
        self.facade, self.port = f"{ADDRESS}:{facade_port}", port or free_port(ADDRESS)
        authority = Authority(self.folder)
        authority.server_context(name, days=days)
        self.certificate = self.folder / f"{name}.pem"
        self.authority = self.folder / "authority"
        self.authority.write_text(authority.pem())
        self.trust = authority.client_context()
        text = documented(self.heading, self.language)
        for there, here in {**self.changed(), **(spoilt or {})}.items():
            assert text.count(there) == 1, f"{there} stands in the page once"
            text = text.replace(there, here)
        config = self.folder / "configuration"
        config.write_text(self.completed(text))
        self._daemon = Daemon(self.command(str(config)), self.folder)
        self._daemon.wait_ready(self._passes_on)

    def changed(self) -> Mapping[str, str]:
        """What stands in the page, and what has to stand here."""
        raise NotImplementedError

    def completed(self, text: str) -> str:
        """The whole file, of what the page has."""
        return text

    def command(self, config: str) -> Sequence[str]:
        """What runs it in the foreground."""
        raise NotImplementedError

    def get(self, target: str, **headers: str) -> http.client.HTTPResponse:
        """One request by https, to the name that the page has."""
        connection = http.client.HTTPSConnection(HOST, self.port, context=self.trust, timeout=30)
        sock = socket.create_connection((ADDRESS, self.port), 30, source_address=(CLIENT, 0))
        connection.sock = self.trust.wrap_socket(sock, server_hostname=HOST)
        try:
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.folder)

    def _passes_on(self) -> bool:
        """Whether it listens, and finds the facade well where it looks at that first."""
        try:
            return self.get("/v2/").status < 500
        except (OSError, ssl.SSLError, http.client.HTTPException):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Caddy(Front):
    """Caddy of PyPI. It would ask an authority for certificates."""

    heading, language = "## Caddy", "caddy"

    def changed(self) -> Mapping[str, str]:
        certificate = f"tls {self.certificate} {self.certificate}"
        names = f"https://{HOST}:{self.port}, https://localhost:{self.port}"
        return {f"{HOST}, facade.acme.com {{": f"{names} {{\n{certificate}", "127.0.0.1:8000": self.facade}

    def completed(self, text: str) -> str:
        return f"{{\nadmin off\nauto_https off\nfallback_sni {HOST}\ndefault_bind {ADDRESS}\n}}\n{text}"

    def command(self, config: str) -> Sequence[str]:
        return [str(caddy()), "run", "--adapter", "caddyfile", "--config", config]


class Nginx(Front):
    """Debian's nginx."""

    heading, language = "## nginx", "nginx"

    def changed(self) -> Mapping[str, str]:
        return {
            "listen 443 ssl;": f"listen {ADDRESS}:{self.port} ssl;",
            "/etc/ssl/docker.acme.com.pem": str(self.certificate),
            "/etc/ssl/docker.acme.com.key": str(self.certificate),
            "127.0.0.1:8000": self.facade,
        }

    def completed(self, text: str) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        return (
            f"daemon off; master_process off; pid {self.folder}/pid; error_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{folders}\n{text}}}\n"
        )

    def command(self, config: str) -> Sequence[str]:
        return ["nginx", "-p", str(self.folder), "-c", config]


class SpoiltNginx(Nginx):
    """The same, for what doesn't let a client through: it is ready when it listens."""

    def _passes_on(self) -> bool:
        try:
            socket.create_connection((ADDRESS, self.port), 30).close()
        except OSError:
            return False
        return True


class HAProxy(Front):
    """Debian's HAProxy, which reads and writes HTTP."""

    heading, language = "## HAProxy", "haproxy"

    def changed(self) -> Mapping[str, str]:
        return {
            "bind :443 ": f"bind {ADDRESS}:{self.port} ",
            "/etc/haproxy/certs/": str(self.certificate),
            "127.0.0.1:8000": self.facade,
        }

    def command(self, config: str) -> Sequence[str]:
        return ["haproxy", "-db", "-f", config]


class HAProxyPassingOn(HAProxy):
    """The same, which passes bytes on behind a PROXY header of version 2."""

    heading = "### With the PROXY protocol"


class HAProxyPassingOn1(HAProxyPassingOn):
    """The same with version 1, which says by the port alone that the client came by https."""

    def changed(self) -> Mapping[str, str]:
        return {**super().changed(), "send-proxy-v2-ssl": "send-proxy"}


FRONTS: tuple[type[Front], ...] = (Caddy, Nginx, HAProxy, HAProxyPassingOn, HAProxyPassingOn1)

"""Debian's nginx with the configuration that docs/how-to/proxies.md has, or one that was spoilt."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Self

from tests.e2e.front_proxies import ADDRESS, HOST, documented
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.registries.certificates import Authority

_MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""


class Nginx:
    """nginx with the server block of the page, on a port of this machine's, before a facade on another.

    `spoilt`: what stands there instead of parts of the page. `name`, `days`: whose its certificate is, and how long it
    is valid. `authority` is a file of the authority that clients have to know.
    """

    def __init__(
        self, facade_port: int, *, spoilt: Mapping[str, str] | None = None, name: str = HOST, days: float = 1
    ) -> None:
        self.folder = process.short_directory("nginx")
        self.port = free_port(ADDRESS)
        authority = Authority(self.folder)
        authority.server_context(name, days=days)
        (self.folder / f"{name}.pem").rename(self.folder / f"{HOST}.pem")
        self.authority = self.folder / "authority.pem"
        self.authority.write_text(authority.pem())
        server = documented("## nginx", "nginx")
        for there, here in {
            "listen 443 ssl;": f"listen {ADDRESS}:{self.port} ssl;",
            "/etc/ssl/docker.acme.com.pem": f"{self.folder}/{HOST}.pem",
            "/etc/ssl/docker.acme.com.key": f"{self.folder}/{HOST}.pem",
            "http://127.0.0.1:8000": f"http://{ADDRESS}:{facade_port}",
            **(spoilt or {}),
        }.items():
            assert server.count(there) == 1
            server = server.replace(there, here)
        config = self.folder / "nginx.conf"
        config.write_text(_MAIN.format(folder=self.folder, server=server))
        self._daemon = Daemon(["nginx", "-p", str(self.folder), "-c", str(config)], self.folder)
        self._daemon.wait_ready(self._listens)

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.folder)

    def _listens(self) -> bool:
        try:
            socket.create_connection((ADDRESS, self.port), 30).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

"""Debian's nginx with the configuration that docs/how-to/going-live.md has."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from pathlib import Path
from typing import Self

from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.registries.certificates import Authority

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = "127.0.0.1"
HOST = "docker.acme.com"
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
    """nginx with the server block of the page, on a port of this machine's, before a facade on another."""

    def __init__(self, facade_port: int) -> None:
        self.folder = process.short_directory("nginx")
        self.port = free_port(ADDRESS)
        authority = Authority(self.folder)
        authority.server_context(HOST)
        self.trust = authority.client_context()
        page = (ROOT / "docs" / "how-to" / "going-live.md").read_text()
        (server,) = re.findall(r"^nginx:\n\n```nginx\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for documented, here in {
            "listen 443 ssl;": f"listen {ADDRESS}:{self.port} ssl;",
            "/etc/ssl/docker.acme.com.pem": f"{self.folder}/{HOST}.pem",
            "/etc/ssl/docker.acme.com.key": f"{self.folder}/{HOST}.pem",
            "http://127.0.0.1:8000": f"http://{ADDRESS}:{facade_port}",
        }.items():
            assert server.count(documented) == 1
            server = server.replace(documented, here)
        config = self.folder / "nginx.conf"
        config.write_text(_MAIN.format(folder=self.folder, server=server))
        self._daemon = Daemon(["nginx", "-p", str(self.folder), "-c", str(config)], self.folder)
        self._daemon.wait_ready(self._listens)

    def get(self, target: str, **headers: str) -> http.client.HTTPResponse:
        """One request by https, to the name that the page has."""
        connection = http.client.HTTPSConnection(HOST, self.port, context=self.trust, timeout=30)
        sock = socket.create_connection((ADDRESS, self.port), 30)
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

    def _listens(self) -> bool:
        try:
            self.get("/v2/")
        except (OSError, ssl.SSLError, http.client.HTTPException):
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

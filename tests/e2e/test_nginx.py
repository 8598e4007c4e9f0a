"""nginx as docs/operating.md has it carries what real registries' tokens and signed addresses need."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, ROOT, Facade
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon
from tests.registries.certificates import Authority
from tests.registries.faulty_server import FaultyServer

HOST = "docker.acme.com"
BLOB = f"/v2/acme/app/blobs/sha256:{'ab' * 32}"
LOCATION = "https://storage.example/layer?X-Signature=" + "0a" * 3072
TOKEN = "Bearer " + "t" * 12_288
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
    """Debian's nginx with the server block of the page, on a port of this machine's."""

    def __init__(self, facade: Facade) -> None:
        self.folder = process.short_directory("nginx")
        self.port = free_port(ADDRESS)
        authority = Authority(self.folder)
        authority.server_context(HOST)
        self.trust = authority.client_context()
        page = (ROOT / "docs" / "operating.md").read_text()
        (server,) = re.findall(r"^nginx:\n\n```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for documented, here in {
            "listen 443 ssl;": f"listen {ADDRESS}:{self.port} ssl;",
            "/etc/ssl/docker.acme.com.pem": f"{self.folder}/{HOST}.pem",
            "/etc/ssl/docker.acme.com.key": f"{self.folder}/{HOST}.pem",
            "http://127.0.0.1:8000": f"http://{ADDRESS}:{facade.port}",
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


@pytest.fixture(scope="module")
def registry() -> Iterator[FaultyServer]:
    """A Bearer registry that hands out layers by a long address."""
    server = FaultyServer()
    challenge = f'Bearer realm="{server.url}/realm",service="s"'
    server.answers("/v2/", 401, {"WWW-Authenticate": challenge})
    server.answers_json("/realm", {"token": TOKEN.removeprefix("Bearer ")})
    server.answers(BLOB, 307, {"Location": LOCATION})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def nginx(registry: FaultyServer) -> Iterator[Nginx]:
    with Facade(workers=1, FACADE_TRUSTED_PROXIES=ADDRESS) as facade:
        facade.manage("add_mapping", HOST, "acme", f"{registry.url}/acme", "--private")
        facade.manage("add_mapping", HOST, "open", "https://ghcr.io/open", "--redirect-only")
        facade.wait_for("/v2/acme/app/tags/list", 401, host=HOST)
        running = Nginx(facade)
        yield running
        running.stop()


def test_a_layers_signed_address_and_a_long_token_get_through(nginx: Nginx, registry: FaultyServer) -> None:
    given = nginx.get(f"/token?scope=repository:acme/app:pull&service={HOST}")
    assert given.status == 200

    answer = nginx.get(BLOB, Authorization=TOKEN)

    assert (answer.status, answer.headers["Location"]) == (307, LOCATION)
    assert len(LOCATION) > 6 * 1024
    assert registry.requests[-1].headers["Authorization"] == TOKEN


def test_a_long_address_of_the_fast_lane_gets_through(nginx: Nginx) -> None:
    query = "n=" + "9" * 6144

    answer = nginx.get(f"/v2/open/app/manifests/1.0?{query}")

    assert (answer.status, answer.headers["Location"]) == (307, f"https://ghcr.io/v2/open/app/manifests/1.0?{query}")


def test_the_challenge_names_the_address_that_the_client_used(nginx: Nginx) -> None:
    answer = nginx.get("/v2/")

    assert answer.status == 401
    assert f'realm="https://{HOST}:{nginx.port}/token"' in answer.headers["WWW-Authenticate"]

"""One variable puts the facade on the internet: here on loopback, and with an authority of Caddy's own."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compose.project import Engine, Project, engine
from tests.compose.test_compose import READY_SECONDS, tells_the_password, wait_ready
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import wait_until

pytestmark = pytest.mark.e2e

ADDRESS = "127.0.0.1"
CONTROL, HOST = "facade.acme.test", "docker.acme.test"
MANIFEST = "/v2/acme/app/manifests/1.0"
SERVICES = ("app", "maintain", "edge", "postgres")
ROOT_CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as running:
        yield running


class EdgeProject(Project):
    """With FACADE_CONTROL_HOSTS, and what keeps the edge on loopback."""

    def __init__(self, docker: Engine, folder: Path) -> None:
        self.https_port = free_port(ADDRESS)
        ports = {"EDGE_HTTP_PORT": free_port(ADDRESS), "EDGE_HTTPS_PORT": self.https_port}
        ports["EDGE_GATE_PORT"] = free_port(ADDRESS)
        here = {"EDGE_BIND": ADDRESS, **{name: str(port) for name, port in ports.items()}}
        super().__init__(docker, folder, FACADE_CONTROL_HOSTS=CONTROL, FACADE_ACME_EMAIL="internal", **here)

    def readiness(self) -> str:
        return self.get("/readyz", CONTROL)[2].decode() if self.status("/readyz", CONTROL) else ""

    def by_https(self, name: str, target: str) -> http.client.HTTPResponse:
        """One request to the edge, whose certificate is judged. Raises OSError."""
        root = self.compose("exec", "-T", "edge", "cat", ROOT_CERTIFICATE)
        if not root.ok:
            raise OSError("there is no authority yet")
        trust = ssl.create_default_context(cadata=root.stdout)
        connection = http.client.HTTPSConnection(name, self.https_port, timeout=60)
        plain = socket.create_connection((ADDRESS, self.https_port), 60)
        connection.sock = trust.wrap_socket(plain, server_hostname=name)
        try:
            connection.request("GET", target, headers={"Host": f"{name}:{self.https_port}"})
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def https_status(self, name: str, target: str) -> int:
        """Its status; 0 where there is no handshake, or no answer."""
        try:
            return self.by_https(name, target).status
        except (OSError, http.client.HTTPException):
            return 0

    def facts(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        container = self.compose("ps", "--quiet", service).checked().stdout.strip()
        (found,) = json.loads(self.engine.docker("inspect", container).checked().stdout)
        return dict(found)

    def is_healthy(self) -> bool:
        return all(self.facts(service)["State"]["Health"]["Status"] == "healthy" for service in SERVICES)


def test_one_variable_brings_https_for_who_is_served_and_nobody_else(docker: Engine, tmp_path: Path) -> None:
    with EdgeProject(docker, tmp_path / "project") as project:
        project.up()
        wait_until(lambda: project.https_status(CONTROL, "/readyz") == 200, "the control host is there", READY_SECONDS)
        wait_until(lambda: tells_the_password(project.logs()), "the password is told", READY_SECONDS)
        page = project.by_https(CONTROL, "/accounts/login/")
        assert (page.status, "Secure" in page.headers["Set-Cookie"]) == (200, True)
        assert project.https_status(HOST, MANIFEST) == 0

        project.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        wait_until(lambda: project.https_status(HOST, MANIFEST) == 401, "the hostname has its certificate")

        challenge = project.by_https(HOST, MANIFEST).headers["WWW-Authenticate"]
        assert f'realm="https://{HOST}:{project.https_port}/token"' in challenge
        assert project.https_status("stranger.example", "/") == 0
        wait_until(project.is_healthy, "all services are healthy", READY_SECONDS)
        _nobody_may_more_than_needed(project)
        _the_app_ends_and_begins_again(project)
        _data_and_certificates_are_kept(project)


def _nobody_may_more_than_needed(project: EdgeProject) -> None:
    facts = {service: project.facts(service) for service in SERVICES}

    assert all(each["HostConfig"]["ReadonlyRootfs"] for each in facts.values())
    assert [each["Config"]["User"] for each in facts.values()] == ["facade", "facade", "10001", "postgres"]
    assert all(each["HostConfig"]["CapDrop"] == ["ALL"] for each in facts.values())
    assert [service for service, each in facts.items() if each["HostConfig"]["CapAdd"]] == ["edge"]
    assert all(each["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped" for each in facts.values())


def _the_app_ends_and_begins_again(project: EdgeProject) -> None:
    project.engine.docker("kill", project.facts("app")["Id"]).checked()
    # What comes meanwhile waits for it.
    project.compose("start", "app").checked()
    wait_until(lambda: project.https_status(HOST, MANIFEST) == 401, "it is back", READY_SECONDS)
    wait_until(lambda: '"maintenance": "ok"' in project.readiness(), "its work is done elsewhere", READY_SECONDS)

    begun = time.monotonic()
    project.compose("stop", "--timeout", "60", "maintain").checked()
    assert time.monotonic() - begun < 30
    project.compose("start", "maintain").checked()


def _data_and_certificates_are_kept(project: EdgeProject) -> None:
    before = project.compose("exec", "-T", "edge", "cat", ROOT_CERTIFICATE).checked().stdout
    project.compose("down", "--timeout", "10").checked()
    project.up()

    wait_until(lambda: project.https_status(HOST, MANIFEST) == 401, "all is as it was", READY_SECONDS)
    assert project.compose("exec", "-T", "edge", "cat", ROOT_CERTIFICATE).checked().stdout == before


def test_without_it_the_edge_listens_nowhere_and_is_healthy(docker: Engine, tmp_path: Path) -> None:
    with Project(docker, tmp_path / "project") as project:
        project.up()
        wait_ready(project)

        assert project.status("/accounts/login/") == 200
        assert "The edge has nothing to do" in project.compose("logs", "--no-color", "edge").output
        edge = project.compose("ps", "--quiet", "edge").checked().stdout.strip()
        health = ("inspect", "--format", "{{.State.Health.Status}}", edge)
        wait_until(lambda: docker.docker(*health).stdout.strip() == "healthy", "the edge is healthy", READY_SECONDS)


def test_a_proxy_of_ones_own_needs_no_edge(docker: Engine, tmp_path: Path) -> None:
    with EdgeProject(docker, tmp_path / "project") as project:
        project.write_settings(EDGE="off")
        project.up()
        wait_until(lambda: project.status("/readyz", CONTROL) == 200, "the app answers", READY_SECONDS)

        with pytest.raises(OSError, match="refused"):
            socket.create_connection((ADDRESS, project.https_port), 10)
        assert project.https_status(CONTROL, "/readyz") == 0

"""A proxy on this machine comes by a Unix socket, and its word counts; nobody else's does for that."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.facade import Facade
from tests.e2e.lab import process
from tests.e2e.lab.process import wait_until
from tests.e2e.test_maintenance import maintenance_pids

HOST, CONTROL = "docker.acme.test", "facade.acme.test"
PRIVATE = "/v2/private/app/manifests/1.0"
BY_HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


@pytest.fixture(scope="module")
def path() -> Iterator[str]:
    folder = process.short_directory("socket")
    yield str(folder / "app.sock")
    process.remove(folder)


@pytest.fixture(scope="module")
def facade(path: str) -> Iterator[Facade]:
    with Facade(
        workers=1,
        sqlite=True,
        FACADE_CONTROL_HOSTS=f"localhost,{CONTROL}",
        FACADE_ACCESS_LOG="true",
        FACADE_SOCKET=path,
        FACADE_MAINTAIN="elsewhere",
    ) as running:
        running.manage("add_mapping", HOST, "private", "ghcr.io/private", "--private")
        running.manage("add_mapping", HOST, "open", "ghcr.io/open", "--redirect-only")
        running.wait_for(PRIVATE, 401, host=HOST)
        yield running


def ask(path: str, target: str, host: str, **headers: str) -> http.client.HTTPResponse:
    """One request by the socket. Its answer's body was read."""
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    try:
        connection.request("GET", target, headers={"Host": host, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_its_word_on_how_clients_came_counts(facade: Facade, path: str) -> None:
    challenge = ask(path, PRIVATE, HOST, **BY_HTTPS).headers["WWW-Authenticate"]
    stranger = facade.request("GET", PRIVATE, host=HOST, headers=BY_HTTPS).headers["www-authenticate"]

    assert f'realm="https://{HOST}/token"' in challenge
    assert f'realm="http://{HOST}/token"' in stranger


def test_redirects_and_pages_come_by_it(facade: Facade, path: str) -> None:
    pull = ask(path, "/v2/open/app/manifests/1.0", HOST, **{"User-Agent": "docker/28.0.0", **BY_HTTPS})
    page = ask(path, "/accounts/login/", CONTROL, **BY_HTTPS)

    assert (pull.status, pull.headers["Location"]) == (307, "https://ghcr.io/v2/open/app/manifests/1.0")
    # A control worker has answered it, on the connection that it was given.
    assert (page.status, "Secure" in page.headers["Set-Cookie"]) == (200, True)
    wait_until(lambda: "198.51.100.7" in facade.log(), "the client is known by its own address")


def test_it_is_there_again_after_a_reload_and_after_a_killed_server(facade: Facade, path: str) -> None:
    workers = facade.worker_pids()
    os.kill(facade.pid, signal.SIGHUP)
    wait_until(lambda: bool(facade.worker_pids()) and not set(workers) & set(facade.worker_pids()), "they are others")
    assert ask(path, PRIVATE, HOST).status == 401

    port = facade.port
    os.kill(facade.pid, signal.SIGKILL)
    facade.kill()
    facade.start(port)
    assert ask(path, PRIVATE, HOST).status == 401


def test_nothing_is_started_beside_the_workers_where_that_is_done_elsewhere(facade: Facade) -> None:
    assert maintenance_pids(facade) == []

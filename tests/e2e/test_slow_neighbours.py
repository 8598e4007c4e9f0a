"""What waits for other machines holds no connection to the database, of which a worker has eight on PostgreSQL.

Registries, a name server, a mail server and an identity provider take every connection and say nothing. Whoever waits
for them keeps nobody else from the admin and the API.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.e2e.facade import USERNAME, Answer, Facade, facade_on
from tests.e2e.lab.process import wait_until

AT_ONCE = 12
WAIT_SECONDS = 6
#: Django waits for a connection of the pool for five seconds.
QUICK_SECONDS = 4.0


class SilentMachine:
    """Takes connections and datagrams on loopback, and says nothing."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self.taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _take(self) -> None:
        while True:
            try:
                self.taken.append(self._tcp.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._thread.join()
        self._udp.close()
        for one in self.taken:
            one.close()


class Api:
    """The administrator's program."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade
        self._token = facade.manage("create_api_token", USERNAME, f"slow {time.monotonic()}").strip()

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        return self.facade.request(method, f"/api/v1/{path}", headers=headers, body=sent)


@pytest.fixture(scope="module")
def machine() -> Iterator[SilentMachine]:
    machine = SilentMachine()
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def facade(machine: SilentMachine) -> Iterator[Facade]:
    """One worker on PostgreSQL, with places for all of these, so that nothing but connections could be short."""
    settings = {
        "FACADE_RELAY_SECONDS": str(WAIT_SECONDS),
        "FACADE_DNS_SECONDS": str(WAIT_SECONDS),
        "FACADE_DNS_SERVERS": f"127.0.0.1:{machine.port}",
        "FACADE_MAX_CHECKS": "100",
        "FACADE_MAX_CHECKS_PER_TENANT": "100",
        "FACADE_MAX_CHECKS_PER_MINUTE": "1000",
        "FACADE_PROBE_ON_SAVE": "false",
        "FACADE_MAINTAIN": "false",
        "FACADE_OIDC_ISSUER": machine.url,
        "FACADE_OIDC_CLIENT_ID": "facade",
        "FACADE_OIDC_CLIENT_SECRET": "secret",
        "EMAIL_URL": f"smtp://127.0.0.1:{machine.port}",
    }
    with facade_on("postgresql", workers=1, **settings) as running:
        yield running


def probes(api: Api, machine: SilentMachine) -> list[Callable[[], Answer]]:
    asked: list[Callable[[], Answer]] = []
    for number in range(AT_ONCE):
        body = {"hostname": f"h{number}.probes.test", "prefix": "acme/app", "target": f"{machine.url}/acme/app{number}"}
        mapping = api.send("POST", "mappings", body).json()["mapping"]
        asked.append(partial(api.send, "POST", f"mappings/{mapping['id']}/probe", {}))
    return asked


def claims(api: Api, machine: SilentMachine) -> list[Callable[[], Answer]]:
    asked: list[Callable[[], Answer]] = []
    for number in range(AT_ONCE):
        claim = api.send("POST", "claims", {"tenant": "default", "name": f"h{number}.claims.example.com"}).json()
        asked.append(partial(api.send, "POST", f"claims/{claim['id']}/check"))
    return asked


def sign_ins(api: Api, machine: SilentMachine) -> list[Callable[[], Answer]]:
    page = api.facade.request("GET", "/accounts/login/")
    token = page.headers["set-cookie"].partition("csrftoken=")[2].partition(";")[0]
    assert token
    headers = {"Cookie": f"csrftoken={token}", "X-CSRFToken": token}
    return [lambda: api.facade.request("POST", "/accounts/oidc/sso/login/", headers=headers) for _ in range(AT_ONCE)]


@pytest.mark.parametrize("slow", [probes, claims, sign_ins])
def test_whoever_waits_for_a_silent_machine_keeps_nobody_from_the_database(
    facade: Facade, machine: SilentMachine, slow: Callable[[Api, SilentMachine], list[Callable[[], Answer]]]
) -> None:
    facade.manage("add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--tenant", "default")
    api = Api(facade)
    asks = slow(api, machine)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda ask=ask: answers.append(ask()), daemon=True) for ask in asks]
    for thread in threads:
        thread.start()

    others: list[tuple[int, bool]] = []
    crowded = 0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        status = api.send("GET", "mappings").status
        others.append((status, time.monotonic() - began < QUICK_SECONDS))
        crowded += sum(thread.is_alive() for thread in threads) == AT_ONCE
        time.sleep(0.1)

    assert crowded >= 3, "all of them waited at once"
    assert set(others) == {(200, True)}
    assert len(answers) == AT_ONCE
    # No status says that this server is at fault.
    assert {answer.status for answer in answers} <= {200, 401}, facade.output()


def test_nobody_waits_for_a_silent_mail_server(facade: Facade) -> None:
    facade.manage("add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--tenant", "default")
    api = Api(facade)
    began = time.monotonic()

    for number in range(AT_ONCE):
        body = {"tenant": "default", "email": f"p{number}@example.com", "role": "viewer"}
        assert api.send("POST", "invitations", body).status == 201, facade.output()

    assert time.monotonic() - began < WAIT_SECONDS * AT_ONCE / 2


def test_a_tenant_has_its_share_and_everybody_else_theirs(machine: SilentMachine) -> None:
    with Facade(
        workers=1,
        sqlite=True,
        FACADE_RELAY_SECONDS="8",
        FACADE_MAX_CHECKS_PER_TENANT="2",
        FACADE_PROBE_ON_SAVE="false",
        FACADE_MAINTAIN="false",
    ) as facade:
        facade.manage("add_mapping", "docker.globex.test", "fine", "http://127.0.0.1:1/fine", "--tenant", "globex")
        api = Api(facade)
        asks = probes(api, machine)
        (innocent,) = api.send("GET", "mappings?hostname=docker.globex.test").json()["items"]
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda ask=ask: answers.append(ask()), daemon=True) for ask in asks]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) == AT_ONCE - 2, "those without a place are answered")

        assert {answer.status for answer in answers} == {429}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert api.send("POST", f"mappings/{innocent['id']}/probe", {}).status == 200
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers[-2:]] == [200, 200]

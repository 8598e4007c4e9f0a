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
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.e2e.facade import USERNAME, Answer, Facade, facade_on
from tests.e2e.lab.process import wait_until

AT_ONCE = 12
#: Nobody waits for so long: the machine lets go before.
WAIT_SECONDS = 100


class SilentMachine:
    """Takes connections and datagrams on loopback, and says nothing until it lets go. Then it refuses, at once."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._lets_go = True
        self._connections: list[socket.socket] = []
        self._queries: dict[bytes, Any] = {}
        self._threads = [threading.Thread(target=take, daemon=True) for take in (self._take, self._hear)]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> int:
        """How many wait for a word of it."""
        return len(self._connections) + len({query[2:] for query in self._queries})

    def hold(self) -> None:
        """Say nothing from now on."""
        self._lets_go = False

    def let_go(self) -> None:
        """Refuse all who wait, and all who come."""
        self._lets_go = True
        while self._connections:
            self._connections.pop().close()
        while self._queries:
            self._refuse(*self._queries.popitem())

    def _take(self) -> None:
        while True:
            try:
                connection = self._tcp.accept()[0]
            except OSError:
                return
            self._connections.append(connection)
            if self._lets_go:
                self.let_go()

    def _hear(self) -> None:
        while True:
            query, asker = self._udp.recvfrom(4096)
            if not query:
                return
            self._queries[query] = asker
            if self._lets_go:
                self.let_go()

    def _refuse(self, query: bytes, asker: Any) -> None:
        # RFC 1035, 4.1.1: an answer (QR) with the code REFUSED.
        self._udp.sendto(query[:2] + bytes([query[2] | 0x80, 5]) + query[4:], asker)

    def close(self) -> None:
        self.let_go()
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._udp.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join()
        self._udp.close()


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
def listening() -> Iterator[SilentMachine]:
    machine = SilentMachine()
    yield machine
    machine.close()


@pytest.fixture
def machine(listening: SilentMachine) -> Iterator[SilentMachine]:
    """Silent, until it is told to let go or the test has ended."""
    listening.hold()
    yield listening
    listening.let_go()


@pytest.fixture(scope="module")
def facade(listening: SilentMachine) -> Iterator[Facade]:
    """One worker on PostgreSQL, with places for all of these, so that nothing but connections could be short."""
    settings = {
        "FACADE_RELAY_SECONDS": str(WAIT_SECONDS),
        "FACADE_DNS_SECONDS": str(WAIT_SECONDS),
        "FACADE_DNS_SERVERS": f"127.0.0.1:{listening.port}",
        "FACADE_MAX_CHECKS": "100",
        "FACADE_MAX_CHECKS_PER_TENANT": "100",
        "FACADE_MAX_CHECKS_PER_MINUTE": "1000",
        "FACADE_PROBE_ON_SAVE": "false",
        "FACADE_MAINTAIN": "false",
        "FACADE_OIDC_ISSUER": listening.url,
        "FACADE_OIDC_CLIENT_ID": "facade",
        "FACADE_OIDC_CLIENT_SECRET": "secret",
        "EMAIL_URL": f"smtp://127.0.0.1:{listening.port}",
    }
    with facade_on("postgresql", workers=1, **settings) as running:
        yield running


def probes(api: Api, machine: SilentMachine) -> list[Callable[[], Answer]]:
    asked: list[Callable[[], Answer]] = []
    for number in range(AT_ONCE):
        where = {"hostname": f"h{number}.probes.test", "create_hostname": True, "prefix": "acme/app"}
        body = {**where, "target": f"{machine.url}/acme/app{number}"}
        mapping = api.send("POST", "mappings", body).json()["mapping"]
        asked.append(partial(api.send, "POST", f"mappings/{mapping['id']}/probe", {}))
    return asked


def claims(api: Api, machine: SilentMachine) -> list[Callable[[], Answer]]:
    asked: list[Callable[[], Answer]] = []
    for number in range(AT_ONCE):
        claim = api.send("POST", "claims", {"tenant": "default", "hostname": f"h{number}.claims.example.com"}).json()
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
    with ThreadPoolExecutor(AT_ONCE) as people:
        waiting = [people.submit(ask) for ask in asks]
        wait_until(lambda: machine.asked >= AT_ONCE, "all of them wait at once")

        assert [api.send("GET", "mappings").status for _ in range(5)] == [200] * 5
        assert not any(each.done() for each in waiting)
        machine.let_go()
        answers = [each.result() for each in waiting]

    # No status says that this server is at fault.
    assert {answer.status for answer in answers} <= {200, 401}, facade.output()


def test_nobody_waits_for_a_silent_mail_server(facade: Facade, machine: SilentMachine) -> None:
    facade.manage("add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--tenant", "default")
    api = Api(facade)

    for number in range(AT_ONCE):
        body = {"tenant": "default", "email": f"p{number}@example.com", "role": "viewer"}
        assert api.send("POST", "invitations", body).status == 201, facade.output()


def test_a_tenant_has_its_share_and_everybody_else_theirs(machine: SilentMachine) -> None:
    with Facade(
        workers=1,
        sqlite=True,
        FACADE_RELAY_SECONDS=str(WAIT_SECONDS),
        FACADE_MAX_CHECKS_PER_TENANT="2",
        FACADE_PROBE_ON_SAVE="false",
        FACADE_MAINTAIN="false",
    ) as facade:
        facade.manage("add_mapping", "docker.globex.test", "fine", "http://127.0.0.1:1/fine", "--tenant", "globex")
        api = Api(facade)
        asks = probes(api, machine)
        (innocent,) = api.send("GET", "mappings?hostname=docker.globex.test").json()["items"]
        with ThreadPoolExecutor(AT_ONCE) as people:
            waiting = [people.submit(ask) for ask in asks]
            wait_until(
                lambda: sum(each.done() for each in waiting) == AT_ONCE - 2, "those without a place are answered"
            )
            refused = [each.result() for each in waiting if each.done()]

            assert api.send("POST", f"mappings/{innocent['id']}/probe", {}).status == 200
            machine.let_go()
            served = [each.result() for each in waiting if each.result() not in refused]

        assert {answer.status for answer in refused} == {429}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert [answer.status for answer in served] == [200, 200]

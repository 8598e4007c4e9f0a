"""The edge as deploy/caddy/Caddyfile has it: real Caddy, and certificates for who is served and nobody else."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.dns.name_server import NameServer, at, txt
from tests.e2e.edge import ADDRESS, Edge, with_names
from tests.e2e.facade import Facade
from tests.e2e.gate import answer_of, told
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.images import digest_of
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory
from tests.e2e.lab.process import wait_until

CONTROL = "facade.acme.test"
HERE = at(ADDRESS)
# What is promised of a name that was just verified.
SOON_SECONDS = 10.0
TENANTS, HOSTNAMES, CLIENTS = 30, 200, 24


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gate_port() -> int:
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def facade(name_server: NameServer, gate_port: int) -> Iterator[Facade]:
    with Facade(
        FACADE_CONTROL_HOSTS=f"localhost,{CONTROL}",
        FACADE_GATE_BIND=f"{ADDRESS}:{gate_port}",
        FACADE_ADDRESSES=ADDRESS,
        FACADE_DNS_SERVERS=name_server.at,
        FACADE_TRUSTED_PROXIES=ADDRESS,
        FACADE_PROBE_ON_SAVE="false",
    ) as running:
        wait_until(lambda: answer_of(gate_port, CONTROL) == "yes", "the gate answers")
        yield running


@pytest.fixture(scope="module")
def edge(facade: Facade, gate_port: int) -> Iterator[Edge]:
    with Edge(facade.port, gate_port) as running:
        yield running


def open_hostname(facade: Facade, edge: Edge, name_server: NameServer, name: str, target: str = "ghcr.io/acme") -> None:
    """A hostname by the platform's word, whose address record leads to the edge."""
    name_server.answers(name, HERE)
    facade.manage("add_mapping", name, "acme", target, "--redirect-only")
    wait_until(lambda: edge.shakes_hands(name), "the edge has its certificate")


def test_a_hostname_is_claimed_verified_and_pulled_from(
    facade: Facade, edge: Edge, name_server: NameServer, lab: Laboratory, tmp_path: Path
) -> None:
    name, backing = "docker.first.test", lab.backing("none", "redirected")
    facade.manage("shell", "--verbosity", "0", "--command", _TENANT.format(slug="first"))
    claimed = facade.manage("claim_hostname", name, "--tenant", "first")
    record = re.search(rf'(_registry-facade\.{name})\.  TXT  "(.+)"', claimed)
    assert record is not None
    assert not edge.shakes_hands(name)

    name_server.answers(record[1], txt(record[2]))
    facade.manage("check_claim", name, "--tenant", "first")
    facade.manage("add_mapping", name, "acme", f"{backing.url}/acme", "--tenant", "first")
    # Verified, but its address record leads nowhere yet.
    assert not edge.shakes_hands(name)
    name_server.answers(name, HERE)
    wait_until(lambda: edge.shakes_hands(name), "it has a certificate", SOON_SECONDS)

    reference = f"{name}:{edge.port}/{PUBLIC}:{TAG}"
    policy, target = tmp_path / "policy.json", tmp_path / "image"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    skopeo = ["skopeo", f"--policy={policy}", "copy", f"docker://{reference}", f"dir:{target}"]
    with_names([name], tmp_path, skopeo, edge.root).checked()
    assert digest_of((target / "manifest.json").read_bytes()) == backing.images[PUBLIC].host.digest
    # podman takes short paths alone.
    storage = [f"--root={edge.folder / 'images'}", f"--runroot={edge.folder / 'run'}", "--storage-driver=vfs"]
    podman = ["podman", *storage, "pull", f"--signature-policy={policy}", reference]
    with_names([name], tmp_path, podman, edge.root).checked()


def test_a_suspended_hostname_gets_the_refusal_alone(facade: Facade, edge: Edge, name_server: NameServer) -> None:
    name = "docker.suspended.test"
    open_hostname(facade, edge, name_server, name)
    facade.manage("suspend", "--hostname", name, "--reason", "test", "--message", "report 7")

    wait_until(lambda: edge.get(name, "/v2/").status == 403, "it is refused")
    wait_until(lambda: answer_of(_gate(facade), name) == "unknown", "the gate knows")
    edge.kill()
    edge.start()
    # It has the certificate on its disk, and asks before it takes it.
    assert name in edge.certificates()
    assert not edge.shakes_hands(name)

    facade.manage("unsuspend", "--hostname", name, "--reason", "test")
    wait_until(lambda: edge.shakes_hands(name), "it is served again")


def test_the_control_host_is_reached_by_https(facade: Facade, edge: Edge) -> None:
    page = edge.get(CONTROL, "/accounts/login/")

    assert page.status == 200
    assert "Secure" in page.headers["Set-Cookie"]
    assert 'h3=":' in page.headers["Alt-Svc"]
    assert edge.get(CONTROL, "/readyz").status == 200


def test_the_facade_knows_how_clients_came(facade: Facade, edge: Edge, name_server: NameServer) -> None:
    name = "docker.came.test"
    open_hostname(facade, edge, name_server, name)
    facade.manage("add_mapping", name, "private", "ghcr.io/private", "--private")
    wait_until(lambda: edge.get(name, "/v2/private/app/manifests/1").status == 401, "the mapping is served")

    lies = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Request-ID": "0" * 32}
    answer = edge.get(name, "/v2/private/app/manifests/1", **lies)

    assert f'realm="https://{name}:{edge.port}/token"' in answer.headers["WWW-Authenticate"]
    assert edge.get(CONTROL, "/readyz", **lies).headers["X-Request-ID"] != "0" * 32


def test_below_a_wildcard_each_label_has_a_certificate_of_its_own(
    facade: Facade, edge: Edge, name_server: NameServer
) -> None:
    for name in ("a.pull.test", "b.pull.test", "a.b.pull.test"):
        name_server.answers(name, HERE)
    facade.manage("add_mapping", "*.pull.test", "acme", "ghcr.io/acme")
    wait_until(lambda: edge.shakes_hands("a.pull.test"), "the first has one")

    assert edge.shakes_hands("b.pull.test")
    assert not edge.shakes_hands("a.b.pull.test")
    assert not edge.shakes_hands("pull.test")


def test_no_handshake_for_a_known_name_fails_while_the_facade_ends_and_begins_again(
    facade: Facade, edge: Edge, name_server: NameServer
) -> None:
    name = "docker.known.test"
    open_hostname(facade, edge, name_server, name)
    stop, found = threading.Event(), Counter[bool]()

    def shake() -> None:
        while not stop.is_set():
            found[edge.shakes_hands(name)] += 1
            time.sleep(0.02)

    shaking = threading.Thread(target=shake)
    shaking.start()
    try:
        port = facade.port
        facade.kill()
        before = found.total()
        wait_until(lambda: found.total() > before + 20, "it is shaken while nobody is there")
        facade.start(port)
    finally:
        stop.set()
        shaking.join()

    assert found[False] == 0
    assert edge.get(name, "/v2/acme/app/manifests/1").status == 307


def test_many_tenants_get_theirs_side_by_side_and_scanners_none(
    facade: Facade, edge: Edge, name_server: NameServer
) -> None:
    names = [f"docker{number}.many{number % TENANTS}.test" for number in range(HOSTNAMES)]
    for name in names:
        name_server.answers(name, HERE)
    facade.manage("shell", "--verbosity", "0", "--command", _MANY.format(tenants=TENANTS, hostnames=HOSTNAMES))
    wait_until(lambda: answer_of(_gate(facade), names[-1]) == "yes", "the gate knows them")
    had, before = edge.certificates(), told(facade)
    scanned = [f"{secrets.token_hex(8)}.example" for _ in range(2000)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        strangers = clients.map(edge.shakes_hands, scanned)
        given = list(clients.map(edge.shakes_hands, names))
        assert not any(strangers)

    assert [name for name, was_given in zip(names, given, strict=True) if not was_given] == []
    assert edge.certificates() - had == set(names)
    wait_until(lambda: told(facade).get("unknown", 0) - before.get("unknown", 0) >= 2000, "they are counted")


def _gate(facade: Facade) -> int:
    return int(facade.env["FACADE_GATE_BIND"].rpartition(":")[2])


_IMPORTS = (
    "from routing.services.base.actor import Actor; from routing.services.people.tenants import add_tenant; "
    "from routing.services.hostnames.hostnames import add_hostname; actor = Actor.program('tests'); "
)
_TENANT = _IMPORTS + "add_tenant(actor, '', slug='{slug}', name='{slug}')"
_MANY = (
    _IMPORTS
    + "tenants = [add_tenant(actor, '', slug='many' + str(number), name='Many') for number in range({tenants})]; "
    + "_ = [add_hostname(actor, '', tenant_id=tenants[number % {tenants}].pk, "
    + "name='docker' + str(number) + '.many' + str(number % {tenants}) + '.test') for number in range({hostnames})]"
)

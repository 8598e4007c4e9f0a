"""The edge as deploy/caddy/Caddyfile has it: real Caddy, and certificates for who is served and nobody else."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.dns.name_server import NameServer, at, txt
from tests.e2e.browser import Browser
from tests.e2e.edge import ADDRESS, Edge, with_names
from tests.e2e.facade import Facade
from tests.e2e.gate import answer_of, told
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.docker_engine import Docker
from tests.e2e.lab.images import Image, digest_of
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory
from tests.e2e.lab.process import wait_until
from tests.e2e.lab.system import System
from tests.e2e.test_tenants_browser import COPIES, owner_of

CONTROL = "facade.acme.test"
FIRST = "docker.first.test"
HERE = at(ADDRESS)
TENANTS, HOSTNAMES, CLIENTS = 30, 200, 24
ANYTHING = '{"default": [{"type": "insecureAcceptAnything"}]}'


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gate_port() -> int:
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def edge_port() -> int:
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def facade(name_server: NameServer, gate_port: int, edge_port: int) -> Iterator[Facade]:
    with Facade(
        FACADE_CONTROL_HOSTS=f"localhost,{CONTROL}",
        FACADE_GATE_BIND=f"{ADDRESS}:{gate_port}",
        FACADE_ADDRESSES=ADDRESS,
        FACADE_PUBLIC_PORT=str(edge_port),
        FACADE_DNS_SERVERS=name_server.at,
        FACADE_TRUSTED_PROXIES=ADDRESS,
        FACADE_PROBE_ON_SAVE="false",
    ) as running:
        wait_until(lambda: answer_of(gate_port, CONTROL) == "yes", "the gate answers")
        yield running


@pytest.fixture(scope="module")
def edge(facade: Facade, gate_port: int, edge_port: int) -> Iterator[Edge]:
    with Edge(facade.port, gate_port, edge_port) as running:
        yield running


def open_hostname(facade: Facade, edge: Edge, name_server: NameServer, name: str, target: str = "ghcr.io/acme") -> None:
    """A hostname by the platform's word, whose address record leads to the edge."""
    name_server.answers(name, HERE)
    facade.manage("add_mapping", name, "acme", target, "--redirect-only")
    wait_until(lambda: edge.shakes_hands(name), "the edge has its certificate")


@pytest.fixture
def docker(edge: Edge, tmp_path: Path) -> Iterator[Docker]:
    """One for which FIRST leads to the edge. What is at loopback it asks by TLS too, without judging certificates."""
    engine = Docker(system=with_names([FIRST], tmp_path, edge.root))
    yield engine
    engine.stop()


def test_a_hostname_is_claimed_in_a_browser_and_pulled_from(
    facade: Facade, edge: Edge, name_server: NameServer, lab: Laboratory, docker: Docker, tmp_path: Path
) -> None:
    name, backing = FIRST, lab.backing("none", "redirected")
    image, reference = backing.images[PUBLIC], f"{name}:{edge.port}/{PUBLIC}:{TAG}"
    with Browser(facade) as olga:
        olga.sign_in()
        with owner_of("First", facade, olga) as alice:
            alice.open("/admin/routing/hostnameclaim/add/")
            alice.type(name=name)
            alice.press("Save")
            record, value = (button.get_attribute("data-copy") for button in alice.driver.find_elements(*COPIES)[:2])
            assert record is not None
            assert value is not None
            assert not edge.shakes_hands(name)
            assert not docker.pull(reference).ok

            name_server.answers(record, txt(value))
            alice.until(lambda: "/routing/hostname/" in alice.driver.current_url, "the page saw it by itself")
            alice.press("Add a mapping for this hostname")
            alice.type(prefix="acme", target=f"{backing.url}/acme", reason="our own name at last")
            alice.press("Save")
            # Verified, but its address record leads nowhere yet.
            assert not edge.shakes_hands(name)
            name_server.answers(name, HERE)
            wait_until(lambda: edge.shakes_hands(name), "it has a certificate")

    docker.pull(reference).verified(image)
    pulled_by_skopeo(docker.system, reference, tmp_path, image)
    pulled_by_podman(docker.system, reference, edge.folder)


def pulled_by_skopeo(system: System, reference: str, folder: Path, image: Image) -> None:
    """Copy an image, with the certificate judged."""
    policy, target = folder / "policy.json", folder / "image"
    policy.write_text(ANYTHING)
    skopeo = ["skopeo", f"--policy={policy}", "copy", f"docker://{reference}", f"dir:{target}"]
    process.run(system.command(skopeo), env=_environment(folder)).checked()
    assert digest_of((target / "manifest.json").read_bytes()) == image.host.digest


def pulled_by_podman(system: System, reference: str, folder: Path) -> None:
    """Pull an image, with the certificate judged. podman takes short paths alone."""
    policy = folder / "policy.json"
    policy.write_text(ANYTHING)
    storage = [f"--root={folder / 'images'}", f"--runroot={folder / 'run'}", "--storage-driver=vfs"]
    podman = ["podman", *storage, "pull", f"--signature-policy={policy}", reference]
    process.run(system.command(podman), env=_environment(folder)).checked()


def _environment(folder: Path) -> dict[str, str]:
    env = process.private_environment(folder)
    # podman insists that the file in this directory exists.
    del env["DOCKER_CONFIG"]
    return env


def test_no_client_waits_for_a_certificate(facade: Facade, edge: Edge, name_server: NameServer) -> None:
    vouched, proved = "docker.vouched.test", "docker.proved.test"
    name_server.answers(vouched, HERE)
    facade.manage("add_mapping", vouched, "acme", "ghcr.io/acme")
    # Nobody has shaken hands for it.
    wait_until(lambda: vouched in edge.certificates(), "the edge has its certificate")

    facade.manage("shell", "--verbosity", "0", "--command", _TENANT.format(slug="soon"))
    record = re.search(
        r'(_registry-facade\S+)\.  TXT  "(.+)"', facade.manage("claim_hostname", proved, "--tenant", "soon")
    )
    assert record is not None
    name_server.answers(record[1], txt(record[2]))
    name_server.answers(proved, HERE)
    assert proved not in edge.certificates()
    facade.manage("check_claim", proved, "--tenant", "soon")
    wait_until(lambda: proved in edge.certificates(), "the edge has its certificate")


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


def test_where_no_setting_says_where_the_facade_is_it_asks_itself(name_server: NameServer) -> None:
    gate_port, edge_port = free_port(ADDRESS), free_port(ADDRESS)
    here, elsewhere = "docker.here.test", "docker.elsewhere.test"
    name_server.answers(CONTROL, HERE)
    name_server.answers(here, HERE)
    name_server.answers(elsewhere, at("127.0.0.2"))
    with Facade(
        workers=1,
        FACADE_CONTROL_HOSTS=f"localhost,{CONTROL}",
        FACADE_GATE_BIND=f"{ADDRESS}:{gate_port}",
        FACADE_PUBLIC_PORT=str(edge_port),
        FACADE_DNS_SERVERS=name_server.at,
        FACADE_TRUSTED_PROXIES=ADDRESS,
        FACADE_PROBE_ON_SAVE="false",
    ) as facade:
        for name in (here, elsewhere):
            facade.manage("add_mapping", name, "acme", "ghcr.io/acme")
        wait_until(lambda: answer_of(gate_port, elsewhere) == "yes", "nothing is known yet")

        with Edge(facade.port, gate_port, edge_port) as edge:
            wait_until(lambda: f"this facade is at {ADDRESS}" in facade.log(), "it finds itself")
            wait_until(lambda: answer_of(gate_port, elsewhere) == "elsewhere", "the gate holds names to it")
            assert edge.shakes_hands(here)
            assert not edge.shakes_hands(elsewhere)


def test_many_tenants_get_theirs_side_by_side_and_scanners_none(
    facade: Facade, edge: Edge, name_server: NameServer
) -> None:
    names = [f"docker{number}.many{number % TENANTS}.test" for number in range(HOSTNAMES)]
    for name in names:
        name_server.answers(name, HERE)
    had, before = edge.certificates(), told(facade)
    facade.manage("shell", "--verbosity", "0", "--command", _MANY.format(tenants=TENANTS, hostnames=HOSTNAMES))
    wait_until(lambda: answer_of(_gate(facade), names[-1]) == "yes", "the gate knows them")
    scanned = [f"{secrets.token_hex(8)}.example" for _ in range(2000)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        strangers = clients.map(edge.shakes_hands, scanned)
        given = list(clients.map(edge.shakes_hands, names))
        assert not any(strangers)

    # On a busy machine the name server may be too slow for the gate, which then takes a few seconds until it asks anew.
    refused = [name for name, was_given in zip(names, given, strict=True) if not was_given]
    for name in refused:
        wait_until(partial(edge.shakes_hands, name), f"{name} gets its certificate")
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

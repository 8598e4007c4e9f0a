"""`facade doctor`: each thing that can be wrong is broken for real, and found, with what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import pytest

from tests.dns.name_server import NameServer, at
from tests.e2e.facade import ADDRESS, ROOT, Facade
from tests.e2e.front_proxies import HOST
from tests.e2e.front_proxies import SpoiltNginx as Nginx
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import wait_until
from tests.e2e.test_full_disk import on_small
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

IPV6 = "::1"
STORAGE = "https://storage.example/layer?X-Signature=0a"
FIVE = ("docker", "docker, classic store", "containerd", "podman", "Helm")


class Found(NamedTuple):
    """What the doctor said, and its exit status."""

    status: int | None
    steps: list[dict[str, Any]]

    def bad(self) -> list[str]:
        """The names of the steps that keep clients out."""
        return [step["name"] for step in self.steps if step["mark"] == "bad"]

    def step(self, name: str) -> dict[str, Any]:
        """The first of that name."""
        return next(step for step in self.steps if step["name"] == name)


class Stage:
    """A facade with a hostname, nginx before it, a registry behind it, and the DNS that leads there."""

    def __init__(self, trusted: str = ADDRESS) -> None:
        self.names = NameServer()
        self.registry = FaultyServer()
        self.small = SmallRegistry(self.registry, auth="bearer")
        self.small.redirect_blobs(STORAGE)
        self.facade = Facade(workers=1, sqlite=True, FACADE_TRUSTED_PROXIES=trusted)
        self.facade.manage("add_mapping", HOST, "acme", f"{self.registry.url}/acme")
        self.facade.manage("probe", f"{HOST}/acme/app")
        self.facade.wait_for("/v2/acme/app/tags/list", 401, host=HOST)
        self.names.answers(HOST, at(ADDRESS))

    def examine(self, nginx: Nginx | None, subject: str = HOST, **settings: str) -> Found:
        """What the doctor finds, who is told where this facade is and which authority clients know."""
        env: Mapping[str, str] = {
            "FACADE_DNS_SERVERS": self.names.at,
            "FACADE_ADDRESSES": ADDRESS,
            **({"FACADE_PUBLIC_PORT": str(nginx.port), "SSL_CERT_FILE": str(nginx.authority)} if nginx else {}),
            **settings,
        }
        return examined(self.facade, *([subject] if subject else []), env=env)

    def close(self) -> None:
        self.facade.stop()
        self.registry.stop()
        self.names.close()


def examined(facade: Facade, *subject: str, env: Mapping[str, str], within: tuple[str, ...] = ()) -> Found:
    argv = [*within, *facade.manage_argv("doctor", *subject, "--json")]
    port = {"PORT": str(facade.port)}
    done = process.run(argv, env=facade.env | port | dict(env))
    assert done.status in (0, 3), done.output
    document = json.loads(done.stdout)
    assert document["ok"] == (done.status == 0)
    found = Found(done.status, document["steps"])
    assert bool(found.bad()) == (done.status == 3)
    # Whatever keeps clients out comes with one thing to do.
    assert all(step["advice"] for step in found.steps if step["mark"] == "bad")
    return found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with closing(Stage()) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(stage: Stage) -> Iterator[Nginx]:
    with Nginx(stage.facade.port) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_it_was(stage: Stage) -> Iterator[None]:
    """Each test breaks what it wants to, of what they share."""
    yield
    stage.names.answers(HOST, at(ADDRESS))
    stage.small.public = True
    stage.small.redirect_blobs(STORAGE)


def test_where_all_is_well_every_step_is_good(stage: Stage, nginx: Nginx) -> None:
    found = stage.examine(nginx)

    assert [(step["name"], step["mark"], step["came"]) for step in found.steps if step["mark"] != "good"] == []
    assert found.status == 0
    names = [step["name"] for step in found.steps]
    assert names[:9] == [
        "hostname",
        "DNS",
        f"port {nginx.port}",
        "certificate",
        "facade",
        "host",
        "scheme",
        "client",
        "clock",
    ]
    assert names[-5:] == [f"pull ({client})" for client in FIVE]
    for client in FIVE:
        assert "layer from storage.example" in found.step(f"pull ({client})")["came"]
    assert "manifest relayed" in found.step("pull (podman)")["came"]
    assert "manifest from 127.0.0.1" in found.step("pull (docker)")["came"]
    assert found.step("challenge")["came"] == f"https://{HOST}:{nginx.port}/token"
    # What it asks of the facade comes with no credentials of anybody's.
    assert all(
        request.headers.get("Authorization", "Bearer a.good-token") == "Bearer a.good-token"
        for request in stage.registry.requests
    )


def test_an_image_by_its_name(stage: Stage, nginx: Nginx) -> None:
    there = stage.examine(nginx, f"{HOST}/acme/app:1.0")
    missing = stage.examine(nginx, f"{HOST}/acme/app:2.0")

    assert there.status == 0
    assert "acme/app:1.0" in there.step("pull (podman)")["came"]
    assert missing.bad() == [f"pull ({client})" for client in FIVE]
    assert "explain" in missing.step("pull (podman)")["advice"]


def test_a_wrong_a_record(stage: Stage, nginx: Nginx) -> None:
    stage.names.answers(HOST, at("127.0.0.9"))

    found = stage.examine(nginx)

    assert found.bad()[0] == "DNS"
    assert "points to 127.0.0.9, not to this facade (127.0.0.1)" in found.step("DNS")["came"]
    assert "Change the address records" in found.step("DNS")["advice"]


def test_a_record_that_leads_to_a_proxy_of_another_address_is_told_and_no_fault(stage: Stage, nginx: Nginx) -> None:
    found = stage.examine(nginx, FACADE_ADDRESSES="127.0.0.8")

    assert found.status == 0
    assert found.step("DNS")["mark"] == "warning"
    assert "this facade answers there" in found.step("DNS")["came"]


def test_a_missing_aaaa_record(stage: Stage, nginx: Nginx) -> None:
    found = stage.examine(nginx, FACADE_ADDRESSES=f"{ADDRESS},{IPV6}")

    assert found.bad() == ["DNS"]
    assert f"no AAAA record ({IPV6})" in found.step("DNS")["came"]


def test_a_port_that_is_closed(stage: Stage, nginx: Nginx) -> None:
    port = free_port(ADDRESS)

    found = stage.examine(nginx, FACADE_PUBLIC_PORT=str(port))

    assert found.bad() == [f"port {port}"]
    assert "connection refused" in found.step(f"port {port}")["came"]
    assert found.step("pull")["mark"] == "skipped"


def test_an_expired_certificate(stage: Stage) -> None:
    with Nginx(stage.facade.port, days=-1) as nginx:
        found = stage.examine(nginx)

    assert found.bad() == ["certificate"]
    assert "its certificate expired on" in found.step("certificate")["came"]
    assert "Renew it" in found.step("certificate")["advice"]
    # Past it there may be more to mend.
    assert found.step("facade")["mark"] == "good"


def test_a_certificate_of_another_name(stage: Stage) -> None:
    with Nginx(stage.facade.port, name="www.acme.com") as nginx:
        found = stage.examine(nginx)

    assert found.bad() == ["certificate"]
    assert found.step("certificate")["came"] == f"its certificate is for www.acme.com, not for {HOST}"


def test_a_certificate_of_an_authority_that_nobody_knows(stage: Stage, nginx: Nginx) -> None:
    found = stage.examine(nginx, SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")

    assert found.bad() == ["certificate"]
    assert "is not trusted here" in found.step("certificate")["came"]
    assert "authority of the tests" in found.step("certificate")["came"]


def test_a_port_without_tls(stage: Stage) -> None:
    found = stage.examine(None, FACADE_PUBLIC_PORT=str(stage.facade.port))

    assert found.bad() == ["certificate"]
    assert "no TLS came about" in found.step("certificate")["came"]


def test_a_proxy_that_is_not_trusted() -> None:
    with ExitStack() as stack:
        stage = stack.enter_context(closing(Stage(trusted="")))
        nginx = stack.enter_context(Nginx(stage.facade.port))

        found = stage.examine(nginx)

    assert {"scheme", "challenge"} <= set(found.bad())
    assert "its challenges name the wrong address" in found.step("scheme")["came"]
    assert found.step("scheme")["advice"] == f"Add {ADDRESS} to FACADE_TRUSTED_PROXIES."
    assert f"http://{HOST}:{nginx.port}/token" in found.step("challenge")["came"]


def test_a_proxy_that_drops_the_host(stage: Stage) -> None:
    spoilt = {"proxy_set_header Host $http_host;": "", "proxy_set_header X-Forwarded-Host $http_host;": ""}
    with Nginx(stage.facade.port, spoilt=spoilt) as nginx:
        found = stage.examine(nginx)

    assert found.bad()[0] == "host"
    assert f"the facade sees {ADDRESS}:{stage.facade.port}" in found.step("host")["came"]
    assert "proxy_set_header Host $http_host" in found.step("host")["advice"]


def test_a_proxy_that_does_not_say_who_asks(stage: Stage) -> None:
    spoilt = {"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;": ""}
    with Nginx(stage.facade.port, spoilt=spoilt) as nginx:
        found = stage.examine(nginx)

    assert found.status == 0
    assert found.step("client")["mark"] == "warning"
    assert "X-Forwarded-For" in found.step("client")["advice"]


def test_a_proxy_whose_buffers_are_too_small(stage: Stage) -> None:
    spoilt = {"large_client_header_buffers 4 32k;": "", "proxy_buffer_size 32k;": "", "proxy_buffers 8 32k;": ""}
    with Nginx(stage.facade.port, spoilt=spoilt) as nginx:
        found = stage.examine(nginx)

    assert found.bad() == ["long token", "long address"]
    assert "large_client_header_buffers" in found.step("long token")["advice"]
    assert "proxy_buffer_size" in found.step("long address")["advice"]


def test_a_proxy_before_nothing(stage: Stage) -> None:
    with Nginx(free_port(ADDRESS)) as nginx:
        found = stage.examine(nginx)

    assert found.bad() == ["facade"]
    assert "answers 502: it can't reach the facade" in found.step("facade")["came"]


def test_another_server_at_the_name(stage: Stage) -> None:
    spoilt = {"location / {": 'location /.well-known/ { return 200 "hello"; }\n    location / {'}
    with Nginx(stage.facade.port, spoilt=spoilt) as nginx:
        found = stage.examine(nginx)

    assert found.bad() == ["facade"]
    assert "another server (nginx" in found.step("facade")["came"]


def test_a_private_repository(stage: Stage, nginx: Nginx) -> None:
    stage.small.public = False

    found = stage.examine(nginx)

    assert found.bad() == [f"pull ({client})" for client in FIVE]
    for client in FIVE:
        assert f"docker login {HOST}:{nginx.port}" in found.step(f"pull ({client})")["advice"]
    assert "it is private" in found.step("pull (podman)")["came"]


def test_layers_that_the_registry_serves_itself_are_podmans_trouble(stage: Stage, nginx: Nginx) -> None:
    stage.small = SmallRegistry(stage.registry, auth="bearer")

    found = stage.examine(nginx)

    assert {"pull (podman)", "pull (Helm)"} == set(found.bad())
    assert "serves layers itself" in found.step("pull (podman)")["came"]
    assert "stream layers" in found.step("pull (podman)")["advice"]
    assert "layer from 127.0.0.1" in found.step("pull (docker)")["came"]


def test_a_hostname_that_is_suspended(stage: Stage, nginx: Nginx) -> None:
    stage.facade.manage("suspend", "--hostname", HOST, "--reason", "a complaint")
    try:
        found = stage.examine(nginx)
    finally:
        stage.facade.manage("unsuspend", "--hostname", HOST, "--reason", "over")

    assert found.bad() == ["hostname"]
    assert found.step("facade")["mark"] == "good"


# ---------------------------------------------------------------- the deployment itself
def test_a_deployment_that_is_as_it_should_be(stage: Stage) -> None:
    stage.facade.manage("maintain", "--once")

    found = stage.examine(None, "")

    assert (found.status, found.bad()) == (0, [])
    names = [step["name"] for step in found.steps]
    assert names == [
        *("key", "trusted proxies", "addresses", "database", "migrations", "clock", "maintenance", "table", "snapshot"),
        *("remembered manifests", "disk", "server"),
    ]
    assert "is in use" in found.step("key")["came"]
    assert "only-for-end-to-end-tests" not in json.dumps(found.steps)


def test_maintenance_that_does_not_run() -> None:
    with Facade(workers=1, sqlite=True, FACADE_MAINTAIN="false") as facade:
        # The snapshot has a process of its own, which may begin later than the workers.
        wait_until(facade.snapshot.exists, "there is a snapshot")
        found = examined(facade, env={"FACADE_ADDRESSES": ADDRESS})

    assert found.bad() == ["maintenance"]
    assert "never done" in found.step("maintenance")["came"]
    assert "manage.py maintain" in found.step("maintenance")["advice"]


def test_a_key_that_changed(stage: Stage) -> None:
    made = (
        "import django; django.setup()\n"
        "from django.contrib.auth import get_user_model\n"
        "from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret\n"
        "TOTP.activate(get_user_model().objects.get(username='operator'), generate_totp_secret())\n"
    )
    env = stage.facade.env | {"DJANGO_SETTINGS_MODULE": "facade_site.settings", "PYTHONPATH": str(ROOT)}
    process.run([sys.executable, "-c", made], env=env).checked()
    same = stage.examine(None, "")
    other = stage.examine(None, "", SECRET_KEY="x" * 60)
    fallback = stage.examine(None, "", SECRET_KEY="x" * 60, SECRET_KEY_FALLBACKS=stage.facade.env["SECRET_KEY"])

    assert not {"key", "server"} & set(same.bad())
    assert {"key", "server"} <= set(other.bad())
    assert "can't be read" in other.step("key")["came"]
    assert other.step("server")["came"] == "a facade answers, but with another key than this one has"
    assert "key" not in fallback.bad()
    assert "still encrypted under a fallback" in fallback.step("key")["came"]
    first = same.step("key")["came"].split()[1]
    assert first in fallback.step("key")["came"]
    assert not fallback.step("key")["came"].startswith(f"key {first}")


def test_a_snapshot_that_can_not_be_written(stage: Stage) -> None:
    folder = f"{stage.facade.directory}/small"
    full = on_small(folder, "size=64k", f"head -c 65536 /dev/zero >{folder}/ballast")
    database = stage.facade.env["DATABASE_URL"]
    env = {"FACADE_STATE_DIR": folder, "DATABASE_URL": database, "FACADE_ADDRESSES": ADDRESS}

    found = examined(stage.facade, env=env, within=tuple(full))

    assert {"snapshot", "disk"} <= set(found.bad())
    assert found.step("snapshot")["came"] == "it can't be written: No space left on device"
    assert found.step("remembered manifests")["mark"] == "warning"


def test_a_database_that_is_gone(stage: Stage) -> None:
    found = stage.examine(None, "", DATABASE_URL="postgres://nobody@127.0.0.1:9/nothing")

    assert "database" in found.bad()
    assert found.step("migrations")["mark"] == "skipped"
    assert found.step("server")["mark"] == "good"


def test_what_people_read(stage: Stage, nginx: Nginx) -> None:
    stage.names.answers(HOST, at("127.0.0.9"))
    env = {
        "FACADE_DNS_SERVERS": stage.names.at,
        "FACADE_ADDRESSES": ADDRESS,
        "FACADE_PUBLIC_PORT": str(nginx.port),
        "SSL_CERT_FILE": str(nginx.authority),
    }
    done = process.run(stage.facade.manage_argv("doctor", HOST), env=stage.facade.env | env)

    assert done.status == 3
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✓ hostname")
    assert any(line.startswith("✗ DNS") for line in lines)
    assert any(line.startswith("    do: Change the address records") for line in lines)
    assert lines[-1].endswith("steps keep clients out.")

"""Exports beside a running facade, kept by `--watch`: real clients pull through the engine, and a switch reaches it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.engines import caddy, envoy
from tests.e2e.export_engines import ADDRESS, ENGINES, Engine, Envoy, Nginx
from tests.e2e.facade import Facade
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory
from tests.e2e.lab.process import Daemon, wait_until

pytestmark = pytest.mark.e2e
HOST, AGENT = "docker.acme.test", "docker/28.0.0"
OLD, NEW = "https://ghcr.io/v2/acme/app/manifests/1", "https://quay.io/v2/acme/app/manifests/1"


class Kept:
    """An engine on a port, with files that `facade export-routes --watch` keeps."""

    def __init__(self, facade: Facade, kind: type[Engine], port: int, reload: str = "") -> None:
        self.facade, self.port = facade, port
        self.folder = process.short_directory("kept")
        name = {"nginx": "nginx.conf", "caddy": "caddy.json", "haproxy": "haproxy.cfg", "envoy": "envoy.json"}
        self.file = self.folder / name[kind.format]
        # Where `--check` finds those that are no package of Debian's.
        programs = ":".join(str(Path(engine()).parent) for engine in (caddy, envoy))
        environment = facade.env | {"PATH": f"{programs}:{facade.env['PATH']}"}
        words = ["facade", "export-routes", "--format", kind.format, "-o", str(self.file), "--check"]
        words += ["--listen", f"{ADDRESS}:{port}", "--app", f"{ADDRESS}:{facade.port}"]
        facade.manage(*words, extra=environment)
        self._engine = Daemon(self._command(kind), self.folder, process.private_environment(self.folder))
        self._engine.wait_ready(lambda: self.location() is not None)
        words += ["--watch", *(["--reload", reload.format(folder=self.folder)] if reload else [])]
        logs = self.folder / "watch"
        logs.mkdir()
        self.watch = Daemon(facade.manage_argv(*words), logs, environment)

    def _command(self, kind: type[Engine]) -> list[str]:
        engine = kind.__new__(kind)
        engine.folder, engine.file = self.folder, self.file
        if kind is Nginx:
            # With a master process, which is what reads the file again.
            return ["nginx", "-p", str(self.folder), "-c", str(self.file), "-g", f"daemon off; pid {self.folder}/pid;"]
        return list(engine.command())

    def location(self, host: str = HOST) -> str | None:
        """Where a docker is led by the engine; None: it does not answer, or leads nowhere."""
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=30)
        try:
            connection.request("GET", "/v2/acme/app/manifests/1", headers={"Host": host, "User-Agent": AGENT})
            return connection.getresponse().getheader("Location")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    @property
    def is_alive(self) -> bool:
        return self._engine.running and self.watch.running

    def stop(self) -> None:
        self.watch.stop()
        self._engine.stop()
        process.remove(self.folder)


@contextmanager
def kept(facade: Facade, kind: type[Engine], port: int, reload: str = "") -> Iterator[Kept]:
    running = Kept(facade, kind, port, reload)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def facade(lab: Laboratory, port: int) -> Iterator[Facade]:
    settings = {"FACADE_PROBE_ON_SAVE": "false", "FACADE_TRUSTED_PROXIES": ADDRESS, "FACADE_PUBLIC_PORT": str(port)}
    with Facade(workers=1, sqlite=True, **settings) as started:
        # Real clients know no other name of this machine, and take it without TLS.
        started.manage("add_mapping", "localhost", "acme", f"{lab.backing('bearer', 'redirected').url}/acme")
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        started.wait_for("/v2/acme/app/manifests/1", 307, host=HOST, headers={"User-Agent": AGENT})
        yield started


@pytest.mark.parametrize("kind", ENGINES, ids=lambda kind: kind.format)
def test_clients_pull_through_it(lab: Laboratory, facade: Facade, port: int, kind: type[Engine]) -> None:
    image = lab.backing("bearer", "redirected").images[PUBLIC]
    with kept(facade, kind, port):
        for client in ("docker", "containerd", "podman"):
            lab.client(client).pull(f"localhost:{port}/{PUBLIC}:{TAG}").verified(image)


@pytest.mark.parametrize(
    ("kind", "reload"),
    [(Nginx, "nginx -p {folder} -c {folder}/nginx.conf -g 'pid {folder}/pid;' -s reload"), (Envoy, "")],
    ids=["nginx", "envoy"],
)
def test_a_switch_reaches_it_and_it_holds_what_it_has(facade: Facade, kind: type[Engine], reload: str) -> None:
    with kept(facade, kind, free_port(ADDRESS), reload) as running:
        assert running.location() == OLD

        facade.manage("repoint", HOST, "acme", "quay.io/acme", "--reason", "moves", "--skip-verification")
        wait_until(lambda: running.location() == NEW, "the engine leads to the new registry")
        assert running.is_alive

        facade.manage("repoint", HOST, "acme", "ghcr.io/acme", "--reason", "back", "--skip-verification")
        wait_until(lambda: running.location() == OLD, "the engine leads to the former registry")


def test_what_fails_is_said_once_and_tried_again(facade: Facade, tmp_path: Path) -> None:
    reload = tmp_path / "reload"
    reload.write_text(f"#!/bin/sh\n[ -e {tmp_path}/works ] || exit 7\nkill -HUP $(cat $1/pid)\n")
    reload.chmod(0o755)
    with kept(facade, Nginx, free_port(ADDRESS), f"{reload} {{folder}}") as running:
        wait_until(lambda: "failed" in running.watch.tail(), "the failure is told")
        assert running.location() == OLD
        (tmp_path / "works").touch()
        wait_until(lambda: "Wrote" in running.watch.tail(), "it is tried again")
        assert running.watch.tail().count("failed") == 1

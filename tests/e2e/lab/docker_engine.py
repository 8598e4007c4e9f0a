"""Debian's docker: a dockerd of our own, asked by its command line and by the Python SDK."""

import contextlib
import itertools
import json
import threading
from typing import Literal

import docker as sdk
from docker.errors import DockerException

from tests.e2e.lab import clients, images
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull
from tests.e2e.lab.process import Completed
from tests.e2e.lab.system import HOST, System

_SDK_SECONDS = 60

#: Where the daemon keeps images: by itself, or in containerd (which Docker 29 does unless told otherwise).
Store = Literal["classic", "containerd"]
# For each store, the driver that needs nothing from the kernel.
_DRIVERS: dict[Store, str] = {"classic": "vfs", "containerd": "native"}


class Docker(clients.CommandClient):
    """A private dockerd with its own containerd, without network or firewall rules, and the `docker` command for it.

    dockerd takes every address in 127.0.0.0/8 for an insecure registry by itself, so plain HTTP needs no setting.
    """

    def __init__(self, name: str = "docker", system: System = HOST, store: Store = "classic") -> None:
        super().__init__(name, system)
        self._numbers = itertools.count()
        #: Held during a pull: the daemon shares layers between the images it holds, so that a second pull fetches less.
        self.alone = threading.Lock()
        self.socket = self.home / "docker.sock"
        config = self.home / "daemon.json"
        config.write_text(json.dumps({"features": {"containerd-snapshotter": store == "containerd"}}))
        self._daemon = self.start(
            [
                "dockerd",
                f"--config-file={config}",
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
                f"--storage-driver={_DRIVERS[store]}",
                f"--data-root={self.home / 'data'}",
                f"--exec-root={self.home / 'exec'}",
                f"--pidfile={self.home / 'pid'}",
                f"--host=unix://{self.socket}",
                "--max-download-attempts=1",
            ]
        )
        self._daemon.wait_ready(lambda: self.command("version").ok)

    def command(self, *arguments: str, stdin: str = "", config: str = "config") -> Completed:
        """Run ``docker`` against this daemon. ``config`` names the directory that keeps credentials."""
        where = ["--config", str(self.home / config), "--host", f"unix://{self.socket}"]
        return self.run(["docker", *where, *arguments], stdin=stdin)

    def login(self, host: str, account: Account, *, config: str = "config") -> Completed:
        """``docker login``: dockerd pings the registry, and fetches a token where it is asked for one."""
        return self.command(
            "login", "--username", account.name, "--password-stdin", host, stdin=account.password, config=config
        )

    def logout(self, host: str) -> Completed:
        return self.command("logout", host)

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        with self.alone:
            # A configuration for this pull alone: a stored login would go along with every later pull from the host.
            config = f"config-{next(self._numbers)}"
            output = ""
            if account is not None:
                login = self.login(clients.host_of(reference), account, config=config)
                output = f"{login.output}\n"
                if not login.ok:
                    return Pull(self.name, reference, False, output)
            pulled = self.command("pull", reference, config=config)
            output += pulled.output
            if not pulled.ok:
                return Pull(self.name, reference, False, output)
            lines = [line for line in pulled.stdout.splitlines() if line.startswith("Digest: ")]
            digest = lines[0].removeprefix("Digest: ") if lines else None
            return Pull(self.name, reference, True, output, digest, self.take_marker(reference))

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Pull ``source`` without credentials and push it as ``reference``."""
        with self.alone:
            config = f"config-{next(self._numbers)}"
            self.command("pull", source, config=config).checked()
            self.command("tag", source, reference).checked()
            try:
                if account is not None:
                    login = self.login(clients.host_of(reference), account, config=config)
                    if not login.ok:
                        return login
                return self.command("push", reference, config=config)
            finally:
                self.command("image", "rm", "--force", source, reference).checked()

    def take_marker(self, reference: str) -> str | None:
        """The marker of an image that was pulled. The image and its layers are gone afterwards."""
        try:
            return self._marker(reference)
        finally:
            identity = self.command("image", "inspect", "--format", "{{.Id}}", reference).checked().stdout.strip()
            self.command("image", "rm", "--force", identity).checked()

    def _marker(self, reference: str) -> str | None:
        container = self.command("create", reference).checked().stdout.strip()
        target = self.home / f"marker-{next(self._numbers)}"
        try:
            copied = self.command("cp", f"{container}:/{images.MARKER_FILE}", str(target))
            return target.read_text() if copied.ok else None
        finally:
            self.command("rm", "--force", container).checked()

    def stop(self) -> None:
        self._daemon.stop()
        super().stop()


class DockerSdk:
    """The Python package `docker`, which asks a dockerd to pull and passes the credentials with each request."""

    name = "docker-py"

    def __init__(self, engine: Docker) -> None:
        self._engine = engine

    def _connect(self) -> sdk.DockerClient:
        return sdk.DockerClient(base_url=f"unix://{self._engine.socket}", timeout=_SDK_SECONDS)

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        credentials = None if account is None else {"username": account.name, "password": account.password}
        name, tag = _split(reference)
        with self._engine.alone:
            try:
                with contextlib.closing(self._connect()) as client:
                    attributes = client.images.pull(name, tag, auth_config=credentials).attrs
            except DockerException as error:
                return Pull(self.name, reference, False, str(error))
            digests = [str(d).rpartition("@")[2] for d in attributes["RepoDigests"] if str(d).startswith(f"{name}@")]
            return Pull(self.name, reference, True, str(attributes), digests[0], self._engine.take_marker(reference))

    def stop(self) -> None:
        """The daemon is the engine's."""


def _split(reference: str) -> tuple[str, str]:
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return name, digest
    name, _, tag = reference.rpartition(":")
    return name, tag

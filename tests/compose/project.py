"""The compose file as an administrator runs it: a dockerd of this machine's, real bridges and published ports."""

import fcntl
import http.client
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Completed, Daemon

ROOT = Path(__file__).resolve().parent.parent.parent
_BUILD_SECONDS = 900.0
_COMMAND_SECONDS = 300.0


class Engine:
    """Debian's dockerd, without firewall rules: ports are published by its proxy. It keeps images from run to run."""

    def __init__(self, cache: Path) -> None:
        self.home = process.short_directory("compose")
        self.environment = process.private_environment(self.home) | {"DOCKER_HOST": f"unix://{self.home}/docker.sock"}
        (self.home / "daemon.json").write_text("{}")
        # runc keeps its files there while it starts a command in a container.
        (self.home / "run").mkdir()
        self._daemon = Daemon(
            [
                *("dockerd", f"--config-file={self.home / 'daemon.json'}", f"--data-root={cache}"),
                *(f"--exec-root={self.home / 'exec'}", f"--pidfile={self.home / 'pid'}"),
                *(f"--host=unix://{self.home}/docker.sock", "--bridge=none", "--iptables=false", "--ip6tables=false"),
            ],
            self.home,
        )
        self._daemon.wait_ready(lambda: self.docker("version").ok)
        # A run that was killed leaves containers, which begin again with the daemon.
        if left := self.docker("ps", "--all", "--quiet").checked().stdout.split():
            self.docker("rm", "--force", "--volumes", *left)
        self.docker("volume", "prune", "--force")

    def docker(self, *arguments: str, timeout_seconds: float = _COMMAND_SECONDS) -> Completed:
        """Run `docker` against this daemon."""
        return process.run(["docker", *arguments], env=self.environment, timeout_seconds=timeout_seconds)

    def prepare(self) -> None:
        """Have the images that the compose file names: the foreign ones, and the facade's, built by the Dockerfile."""
        # The package index is found by this process's own environment.
        given = os.environ | {"DOCKER_HOST": self.environment["DOCKER_HOST"]}
        process.run([str(ROOT / "scripts/compose-images")], env=given, timeout_seconds=_BUILD_SECONDS).checked()
        for image, folder in {"registry-facade": ROOT, "registry-facade:edge": ROOT / "deploy" / "caddy"}.items():
            self.docker("build", "--tag", image, str(folder), timeout_seconds=_BUILD_SECONDS).checked()

    def stop(self) -> None:
        """End the daemon; its images stay."""
        self._daemon.stop()
        process.remove(self.home)


@contextmanager
def engine() -> Iterator[Engine]:
    """One at a time on this machine: what it keeps belongs to one daemon."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "registry-facade" / "compose"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = Engine(home / "docker")
        try:
            running.prepare()
            yield running
        finally:
            running.stop()


class Project:
    """A folder with the compose file and an `.env`, as somebody has it who has cloned the facade."""

    def __init__(self, engine: Engine, folder: Path, **settings: str) -> None:
        self.engine = engine
        self.folder = folder
        self.port = free_port("127.0.0.1")
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / "docker-compose.yml", folder)
        # compose looks whether it is there, built or not.
        shutil.copytree(ROOT / "deploy" / "caddy", folder / "deploy" / "caddy")
        self.settings = {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "FACADE_PROBE_ON_SAVE": "false", **settings}
        self.write_settings()

    def write_settings(self, **settings: str) -> None:
        """Write `.env`, with these beside what it said before."""
        self.settings |= settings
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def override(self, text: str) -> None:
        """Write `docker-compose.override.yml`, which compose reads by itself."""
        (self.folder / "docker-compose.override.yml").write_text(text)

    def compose(self, *arguments: str) -> Completed:
        """Run `docker-compose` in the folder."""
        argv = ["docker-compose", "--project-directory", str(self.folder), *self._files(), *arguments]
        return process.run(argv, env=self.engine.environment, timeout_seconds=_COMMAND_SECONDS)

    def up(self) -> None:
        """`docker-compose up -d`."""
        self.compose("up", "--detach", "--no-build").checked()

    def manage(self, *arguments: str) -> str:
        """What `docker-compose exec app python manage.py …` prints."""
        return self.compose("exec", "-T", "app", "python", "manage.py", *arguments).checked().stdout

    def logs(self) -> str:
        return self.compose("logs", "--no-color").output

    def get(self, path: str, host: str = "localhost", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """An answer by the published port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def status(self, path: str, host: str = "localhost", **headers: str) -> int:
        """The status of such an answer; 0 where nobody answers."""
        try:
            return self.get(path, host, **headers)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def readiness(self) -> str:
        """What `/readyz` says, or "" where nobody answers."""
        try:
            return self.get("/readyz")[2].decode()
        except (OSError, http.client.HTTPException):
            return ""

    def _files(self) -> list[str]:
        names = ("docker-compose.yml", "docker-compose.override.yml")
        return [word for name in names if (self.folder / name).exists() for word in ("--file", str(self.folder / name))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--timeout", "2")


def documented(block: str) -> str:
    """A block of the pages on going live and on containers that stands below a line that ends with `block`."""
    page = "".join((ROOT / "docs" / "how-to" / name).read_text() for name in ("going-live.md", "containers.md"))
    _, found, rest = page.partition(f"{block}\n\n```")
    assert found, f"no page has a block below {block!r}"
    return rest.partition("\n")[2].partition("```")[0]

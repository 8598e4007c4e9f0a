"""The servers that are measured: each started on loopback, pinned to one core, and ended by its process group."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Self

from benchmarks import processes
from facade_site.application_name import CONTROL_NAME

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = "0", "1"
HOST = "docker0.example.com"
TARGET = "https://registry.example.com"
PATH = "/v2/acme0/app/manifests/1.0"
AGENT = "docker/28.0.0"
# A table of a million has to be loaded first.
START_SECONDS = 180.0


class Server:
    """A running server. `seconds_to_start` is until its first right answer."""

    name = ""
    core = SERVER_CORE
    scheme = "http"
    expected = (307, TARGET + PATH)

    def __init__(self, hostnames: int = 1) -> None:
        self.hostnames = hostnames
        self.directory = Path(tempfile.mkdtemp(prefix="bench-"))
        self.port = free_port()
        self.prepare()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        begun = time.monotonic()
        pinned = ["taskset", "-c", self.core] if self.core else []
        with (self.directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [*pinned, *self.command()],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(process)
        self.seconds_to_start = time.monotonic() - begun
        return process

    def prepare(self) -> None:
        """Write what the command needs."""

    def command(self) -> list[str]:
        """The command that serves in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The command's environment."""
        return dict(os.environ)

    def ask(self, host: str = HOST, path: str = PATH) -> tuple[int, str]:
        """Status and Location of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host, "User-Agent": AGENT})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """The CPU time that the server's processes have used so far."""
        return sum(processes.cpu_seconds(pid) for pid in processes.group(self.process.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the largest process of the server."""
        return max((processes.resident_bytes(pid) for pid in processes.group(self.process.pid)), default=0)

    def stop(self) -> None:
        """End it and remove its files."""
        self._end(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        host = f"docker{self.hostnames - 1}.example.com"
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.ask(host) == self.expected:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        log = (self.directory / "log").read_text(errors="replace")[-2000:]
        self._end(process)
        raise SystemExit(f"{self.name} did not start:\n{log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Facade(Server):
    """The facade as `make run` serves it. With several workers it isn't pinned to a core."""

    name = "facade"

    def __init__(
        self,
        hostnames: int = 1,
        *,
        mappings_each: int = 1,
        workers: int = 1,
        database_url: str = "",
        registry: str = TARGET,
        asks_for: str = "none",
        more: dict[str, str] | None = None,
    ) -> None:
        self.mappings_each, self.workers, self.database_url = mappings_each, workers, database_url
        self.registry, self.asks_for, self.more = registry, asks_for, more or {}
        self.core = SERVER_CORE if workers == 1 else ""
        self.expected = (307, registry + PATH)
        super().__init__(hostnames)

    def prepare(self) -> None:
        python = [sys.executable, str(ROOT / "manage.py")]
        environment = self.environment()
        subprocess.run([*python, "migrate", "-v0"], check=True, env=environment, cwd=ROOT)
        fill = [sys.executable, "-m", "benchmarks.fill", str(self.hostnames), str(self.mappings_each)]
        subprocess.run([*fill, self.registry, self.asks_for], check=True, env=environment, cwd=ROOT)

    def environment(self) -> dict[str, str]:
        return (
            dict(os.environ)
            | {
                "FACADE_STATE_DIR": str(self.directory),
                "DATABASE_URL": self.database_url or f"sqlite:///{self.directory}/facade.sqlite3",
                "PORT": str(self.port),
                "WEB_CONCURRENCY": str(self.workers),
                "FACADE_CONTROL_HOSTS": "localhost",
                "FACADE_PROBE_ON_SAVE": "false",
                # What is measured are redirects of most days, and of a registry that nobody can ask from here.
                "FACADE_FORMER_TARGET_SECONDS": "0",
                "FACADE_PROBE_SECONDS": "1000000",
                "FACADE_ALLOW_INSECURE_REGISTRIES": "true",
                "FACADE_ALLOW_PRIVATE_REGISTRIES": "true",
                "SECRET_KEY": "only-for-benchmarks-" + "x" * 40,
            }
            | self.more
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "facade_site" / "gunicorn_config.py")]

    def restart(self) -> None:
        """End it and start it on the same database."""
        self._end(self.process)
        self.process = self._start()

    def worker_pids(self) -> list[int]:
        """Its workers: children of gunicorn's first process that serve. The first answers before the last is there.

        Control workers, which take no connections of the port, are not among them.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            children = processes.children(self.process.pid)
            serving = [pid for pid in children if "manage.py" not in processes.command_line(pid)]
            found = [pid for pid in serving if processes.name(pid) != CONTROL_NAME]
            if len(found) == self.workers:
                return found
            time.sleep(0.05)
        raise SystemExit(f"{self.workers} workers did not start")


class Middleware(Facade):
    """The same without the fast lane: uvicorn's own protocol, then Django."""

    name = "facade, middleware only"

    def environment(self) -> dict[str, str]:
        plain = {"GUNICORN_CMD_ARGS": "--worker-class tests.fast_lane.plain_worker.PlainWorker"}
        return super().environment() | plain | {"FACADE_CONTROL_WORKERS": "0"}


class Caddy(Server):
    """Caddy with the plain recipe: one site a hostname."""

    name = "Caddy"

    def prepare(self) -> None:
        sites = (
            f"http://docker{number}.example.com:{self.port} {{\n    {self.directive()}\n}}\n"
            for number in range(self.hostnames)
        )
        text = "{\n    admin off\n    auto_https off\n}\n" + "".join(sites)
        (self.directory / "Caddyfile").write_text(text)

    def directive(self) -> str:
        """What a site does."""
        return f"redir {TARGET}{{uri}} 307"

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"GOMAXPROCS": "1", "HOME": str(self.directory)}

    @staticmethod
    def program() -> list[str]:
        """Caddy's own."""
        return [str(_caddy())]

    def command(self) -> list[str]:
        return [*self.program(), "run", "--config", str(self.directory / "Caddyfile")]


class CaddyProxy(Caddy):
    """Caddy that passes requests on to a registry."""

    name = "Caddy, reverse_proxy"
    expected = (200, "")

    def __init__(self, registry: str) -> None:
        self.registry = registry
        super().__init__()

    def directive(self) -> str:
        return f"reverse_proxy {self.registry.removeprefix('http://')}"


class Nginx(Server):
    """nginx with a literal `return 307`, one worker."""

    name = "nginx"
    listens = ""

    def directive(self) -> str:
        """What it does."""
        return f"return 307 {TARGET}$request_uri;"

    def prepare(self) -> None:
        places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        temporary = " ".join(f"{place}_temp_path {self.directory};" for place in places)
        (self.directory / "nginx.conf").write_text(
            "daemon off; master_process off; worker_processes 1; error_log stderr; "
            f"pid {self.directory}/pid;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; keepalive_requests 100000000; server_tokens off; {temporary}\n"
            f"{self.outside()}\n"
            f"server {{ listen 127.0.0.1:{self.port} {self.listens}; server_name {HOST}; {self.directive()} }} }}\n"
        )

    def outside(self) -> str:
        """What stands beside the server."""
        return ""

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-c", str(self.directory / "nginx.conf"), "-p", str(self.directory)]


class NginxProxy(Nginx):
    """nginx that passes requests on to a registry, over connections that it keeps."""

    name = "nginx, proxy_pass"
    expected = (200, "")

    def __init__(self, registry: str) -> None:
        self.registry = registry
        super().__init__()

    def outside(self) -> str:
        return f"upstream registry {{ server {self.registry.removeprefix('http://')}; keepalive 64; }}"

    def directive(self) -> str:
        return 'location / { proxy_pass http://registry; proxy_http_version 1.1; proxy_set_header Connection ""; }'


class Registry(Nginx):
    """What stands for a backing registry: it has one manifest of a usual size, for whoever brings a token."""

    name = "registry"
    core = LOAD_CORE
    expected = (200, "")

    manifest = '{"schemaVersion":2,"layers":[' + ",".join(['{"digest":"sha256:%s"}' % ("a" * 64)] * 12) + "]}"
    digest = f"sha256:{sha256(manifest.encode()).hexdigest()}"

    def directive(self) -> str:
        kind = "application/vnd.oci.image.manifest.v1+json"
        return f"default_type {kind}; add_header Docker-Content-Digest {self.digest}; return 200 '{self.manifest}';"

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """A port of loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _caddy() -> Path:
    subprocess.run([str(ROOT / "scripts" / "venv"), "bench"], check=True)
    environment = ROOT / ".venv-bench"
    inside = environment.glob("lib/python*/site-packages/caddy*/**/caddy")
    return next(inside, environment / "bin" / "caddy")

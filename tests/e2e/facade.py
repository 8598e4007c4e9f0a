"""The facade as a stranger gets it: the real server process, with the project's own gunicorn configuration.

    with Facade(workers=4) as facade:
        facade.manage("add_mapping", "docker.acme.test", "acme", registry.url + "/acme")
        facade.wait_for("/v2/acme/app/manifests/1.0", 307, host="docker.acme.test")

It listens on 127.0.0.1 only. Of the names that reach it, `localhost` is the control host (admin, health), so that
`127.0.0.1` is free to be mapped: real clients, which resolve names, then pull from `127.0.0.1:<port>/…`.
"""

import fcntl
import hashlib
import http.client
import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from facade_site.application_name import CONTROL_NAME
from facade_site.metrics_folder import PREFIX
from tests.e2e.lab import process
from tests.e2e.lab.process import Daemon, wait_until
from tests.e2e.postgresql import dump, fresh_database, postgresql_server, restore

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = "127.0.0.1"
CONTROL_HOST = "localhost"
USERNAME = "operator"
PASSWORD = "correct horse battery staple"
REQUEST_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. Header names are in lower case; of a repeated header, the last one."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Facade:
    """A migrated database, an administrator (USERNAME, PASSWORD), and `workers` gunicorn workers that serve from it.

    `database_url` None: a fresh database on the PostgreSQL server of TEST_DATABASE_URL; without one, or with `sqlite`,
    SQLite in a directory of its own. `settings` are environment variables, as in `.env.example`, over those set here.
    `within` is a program that the server is given to, and that becomes it by exec.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        database_url: str | None = None,
        sqlite: bool = False,
        within: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.workers = workers
        self._within = within
        self._stack = ExitStack()
        self.directory = process.short_directory("facade")
        self._stack.callback(process.remove, self.directory)
        try:
            self.env = self._environment(database_url or self._database(sqlite)) | settings
            _collect_static(self.env)
            self._make_database()
            self.start()
            self._stack.callback(lambda: self._daemon.stop())
        except BaseException:
            self._stack.close()
            raise

    @property
    def netloc(self) -> str:
        """`127.0.0.1:<port>`: for clients, once 127.0.0.1 is mapped."""
        return f"{ADDRESS}:{self.port}"

    @property
    def url(self) -> str:
        """Where the admin and the health checks are."""
        return f"http://{CONTROL_HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """gunicorn's master process."""
        return self._daemon.pid

    @property
    def snapshot(self) -> Path:
        """The routing table for workers that start without the database; a process of its own writes it."""
        return self.directory / "state" / "routing-table.snapshot"

    def worker_pids(self) -> list[int]:
        """The workers that take the port's connections, as they are now."""
        return [pid for pid in self._serving() if _name_of(pid) != CONTROL_NAME]

    def control_worker_pids(self) -> list[int]:
        """The control workers, as they are now."""
        return [pid for pid in self._serving() if _name_of(pid) == CONTROL_NAME]

    def _serving(self) -> list[int]:
        """The server's children, the eldest first, but for the maintenance, which is another program."""
        return [pid for pid, command in self._children().items() if command and b"\0maintain\0" not in command]

    def maintenance_pids(self) -> list[int]:
        """The process of the regular work."""
        return [pid for pid, command in self._children().items() if b"\0maintain\0" in command]

    def _children(self) -> dict[int, bytes]:
        """Each with its command line."""
        # In the order in which they were started, unlike their numbers, which begin anew now and then.
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(pid): _command_of(pid) for pid in children}

    def start(self, port: int = 0) -> None:
        """Start the server and wait until every worker serves; `port` 0 lets the kernel choose one."""
        log = self.directory / "log"
        seen = log.stat().st_size if log.exists() else 0
        config = ROOT / "facade_site" / "gunicorn_config.py"
        argv = [str(Path(sys.executable).parent / "gunicorn"), "--config", str(config), "--chdir", str(ROOT)]
        self.port = port
        # The log tells of the port, and of each worker, at this level.
        wanted = f"--log-level info {self.env.get('GUNICORN_CMD_ARGS', '')}"
        env = self.env | {"PORT": str(port), "GUNICORN_CMD_ARGS": wanted}
        self._daemon = Daemon([*self._within, *argv], self.directory, env)
        self._daemon.wait_ready(lambda: self._listens(seen) and self._ready())

    def kill(self) -> None:
        """End the server and keep its database; `start` brings it back."""
        self._daemon.stop()

    def stop(self) -> None:
        """End the server; delete its database and its directory."""
        self._stack.close()

    def output(self) -> str:
        """The end of the server's log."""
        return self._daemon.tail(80)

    def log(self) -> str:
        """The server's whole log."""
        return self._daemon.log.read_text(errors="replace")

    def manage(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        """The output of `manage.py …` beside the server. Raises LabError with its output when it fails."""
        return process.run(self.manage_argv(*arguments), env=self.env | dict(extra or {})).checked().stdout

    @staticmethod
    def manage_argv(*arguments: str) -> list[str]:
        """`manage.py …`, to be run with `env`."""
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    def seed(self, *arguments: str, stdin: str = "") -> str:
        """The output of `tests.e2e.seed …` beside the server. Raises LabError with its output when it fails."""
        argv = [sys.executable, "-m", "tests.e2e.seed", *arguments]
        return process.run(argv, env=self.env | {"PYTHONPATH": str(ROOT)}, stdin=stdin).checked().stdout

    def request(
        self,
        method: str,
        target: str,
        *,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request on a connection of its own, to be answered as for `host` (None: as for the control host)."""
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=REQUEST_SECONDS)
        try:
            given = {"Host": host or f"{CONTROL_HOST}:{self.port}", "Connection": "close", **(headers or {})}
            connection.request(method, target, body, given)
            answer = connection.getresponse()
            lines = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lines, answer.read())
        finally:
            connection.close()

    def wait_for(
        self,
        target: str,
        status: int,
        *,
        host: str,
        location: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Wait until GET `target` is answered so, often enough in a row that each worker has very likely answered."""

        def answered() -> bool:
            answers = (self.request("GET", target, host=host, headers=headers) for _ in range(8 * self.workers))
            return all(
                answer.status == status and location in (None, answer.headers.get("location")) for answer in answers
            )

        wait_until(answered, f"GET {target} on {host} is answered with {status} {location or ''}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _environment(self, database_url: str) -> dict[str, str]:
        return process.private_environment(self.directory) | {
            "BIND": ADDRESS,
            "WEB_CONCURRENCY": str(self.workers),
            "DATABASE_URL": database_url,
            "FACADE_STATE_DIR": str(self.directory / "state"),
            "SECRET_KEY": "only-for-end-to-end-tests",
            # On a busy machine writers wait longer for each other.
            "FACADE_LOCK_SECONDS": "60",
            "FACADE_CONTROL_HOSTS": CONTROL_HOST,
            "FACADE_ALLOW_INSECURE_REGISTRIES": "true",
            "FACADE_ALLOW_PRIVATE_REGISTRIES": "true",
            # Tests repoint to what is another on purpose.
            "FACADE_VERIFY_ON_REPOINT": "false",
            "PYTHONUNBUFFERED": "1",
        }

    def _database(self, sqlite: bool) -> str:
        server = os.environ.get("TEST_DATABASE_URL", "")
        if server.startswith("postgres") and not sqlite:
            return self._stack.enter_context(fresh_database(server))
        (self.directory / "state").mkdir()
        return f"sqlite:///{self.directory / 'state' / 'facade.sqlite3'}"

    def _make_database(self) -> None:
        """Migrate, and make the administrator; after the first of this process, the same by a copy of that one."""
        url = self.env["DATABASE_URL"]
        keep, put_back = (dump, restore) if url.startswith("postgres") else (_bytes_of, _write_bytes)
        kind = keep.__name__
        if kind in _made:
            put_back(url, _made[kind])
            return
        self.manage("migrate", "--verbosity", "0")
        self.manage("createsuperuser", "--noinput", "--username", USERNAME, "--email", "", extra=_PASSWORD_ENV)
        _made[kind] = keep(url)

    def _listens(self, seen: int) -> bool:
        # With port 0 only the log tells which one the kernel gave, so no other process can win a race for it.
        log = self._daemon.log.read_bytes()[seen:]
        line = re.search(rb"Listening at: http://[^ :]+:(\d+)", log)
        processes = self.workers + int(self.env.get("FACADE_CONTROL_WORKERS", "1"))
        if line is None or log.count(b"Started server process") < processes:
            return False
        self.port = int(line[1])
        return True

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False


@contextmanager
def facade_on(database: str, **settings: Any) -> Iterator[Facade]:
    """A facade on `sqlite`, or on `postgresql` whichever database the other tests run on."""
    if database == "sqlite":
        with Facade(sqlite=True, **settings) as running:
            yield running
        return
    with (
        postgresql_server() as server,
        fresh_database(server) as url,
        Facade(database_url=url, **settings) as running,
    ):
        yield running


def _command_of(pid: str) -> bytes:
    """Of a process; of one that has ended nothing, whether it was waited for or not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


_PASSWORD_ENV = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
_made: dict[str, bytes] = {}


def _bytes_of(url: str) -> bytes:
    file = Path(url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def _write_bytes(url: str, content: bytes) -> None:
    Path(url.removeprefix("sqlite:///")).write_bytes(content)


def _collect_static(env: Mapping[str, str]) -> None:
    """Collect the admin's files where they have changed since; test runs that start at once wait for each other."""
    with (ROOT / "manage.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = ROOT / "staticfiles" / ".collected-for-tests"
        sources = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
        for path in sorted((ROOT / "routing" / "static").rglob("*")):
            if path.is_file():
                sources.update(f"{path}\n".encode() + path.read_bytes())
        manifest = ROOT / "staticfiles" / "staticfiles.json"
        if manifest.exists() and stamp.exists() and stamp.read_text() == sources.hexdigest():
            return
        argv = [sys.executable, str(ROOT / "manage.py"), "collectstatic", "--noinput", "--verbosity", "0"]
        process.run(argv, env=env).checked()
        stamp.write_text(sources.hexdigest())


def folder_of_metrics(facade: Facade) -> Path:
    """The folder of which the workers hold files."""
    descriptors = Path(f"/proc/{facade.worker_pids()[0]}/fd").iterdir()
    files = [path for path in map(Path.resolve, descriptors) if PREFIX in str(path)]
    return next(path.parent for path in files if path.suffix == ".db")

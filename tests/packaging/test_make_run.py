"""`git clone`, `make run`: what a person meets who has typed these two, and what is still there the next day."""

import http.client
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon, run, wait_until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parent.parent.parent
# The first run downloads or at least installs every package.
FIRST_START_SECONDS = 300.0
EXAMPLE = "/v2/library/alpine/manifests/latest"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of what is committed."""
    target = tmp_path_factory.mktemp("packaging") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True, stdin=subprocess.DEVNULL)
    return target


def environment(**settings: str) -> dict[str, str]:
    """This process's own environment (its package index, its caches) without what the facade or make would read."""
    ours = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    foreign = {"DJANGO_SETTINGS_MODULE", "TEST_DATABASE_URL", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in ours | foreign} | settings


class Served:
    """A `make run` in the clone, on a port of its own."""

    def __init__(self, clone: Path, directory: Path, **settings: str) -> None:
        self.port = free_port("127.0.0.1")
        directory.mkdir()
        self.daemon = Daemon(["make", "-C", str(clone), "run"], directory, environment(PORT=str(self.port), **settings))
        self.daemon.wait_ready(self._answers, FIRST_START_SECONDS)

    def _answers(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    @property
    def output(self) -> str:
        return self.daemon.log.read_text()

    def get(self, path: str, host: str = "localhost", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{self.port}", **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def redirect(self, path: str, host: str = "localhost") -> tuple[int, str | None]:
        status, headers, _ = self.get(path, host)
        return status, {name.lower(): value for name, value in headers.items()}.get("location")

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to everything in the foreground."""
        os.killpg(self.daemon.pid, signal.SIGINT)
        wait_until(lambda: not self.daemon.running, "make run has ended after Ctrl-C")


def everything_of(group: int) -> list[str]:
    """The command lines of the processes of a process group."""
    listing = subprocess.run(["ps", "-eo", "pgid=,args="], check=True, capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if line.split(maxsplit=1)[0] == str(group)]


def manage(clone: Path, *arguments: str) -> str:
    """`.venv/bin/python manage.py …`, as in another shell: with no settings."""
    command = [str(clone / ".venv/bin/python"), str(clone / "manage.py"), *arguments]
    return run(command, env=environment()).checked().stdout


def mappings(clone: Path) -> list[tuple[str, str]]:
    return sorted((row["hostname"], row["prefix"]) for row in json.loads(manage(clone, "list_mappings", "--json")))


def log_in(served: Served, password: str) -> int:
    """The status of the answer to the admin's login form: 302 when it lets one in, 200 when it asks again."""
    _, headers, page = served.get("/admin/login/")
    cookie = headers["set-cookie"].split(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1].decode(), "username": "admin", "password": password, "next": "/admin/"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request(
            "POST",
            "/admin/login/",
            urllib.parse.urlencode(form),
            {
                "Host": f"localhost:{served.port}",
                "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def served(clone: Path, tmp_path: Path) -> Iterator[Served]:
    """The facade as `make run` serves it with no settings but the port."""
    running = Served(clone, tmp_path / "served")
    yield running
    running.daemon.stop()


def test_a_clone_serves_the_example_and_keeps_its_data(clone: Path, tmp_path: Path) -> None:
    first = Served(clone, tmp_path / "first")
    try:
        assert first.redirect(EXAMPLE) == (307, "https://registry-1.docker.io" + EXAMPLE)
        assert first.get("/livez")[0] == 200

        # The line that it prints for trying it is one that can be typed.
        line = next(line for line in first.output.splitlines() if "curl -i" in line)
        typed = run(shlex.split(line[line.index("curl -i") :]), env=environment()).checked().stdout
        assert typed.startswith("HTTP/1.1 307")

        passwords = re.findall(r"name admin  password (\S+)", first.output)
        assert len(passwords) == 1
        assert log_in(first, "not" + passwords[0]) == 200
        assert log_in(first, passwords[0]) == 302

        # Another shell beside it: the same database, and what it writes is served.
        assert mappings(clone) == [("localhost", "library")]
        manage(clone, "add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--shell")
        manifest = "/v2/acme/app/manifests/1.0"
        expected = (307, "https://ghcr.io" + manifest)
        wait_until(lambda: first.redirect(manifest, "docker.acme.test") == expected, "the new mapping is served", 20)
    finally:
        first.interrupt()
    assert everything_of(first.daemon.pid) == []
    assert "Traceback" not in first.output

    second = Served(clone, tmp_path / "second")
    try:
        assert "password" not in second.output
        assert log_in(second, passwords[0]) == 302
        assert second.redirect(manifest, "docker.acme.test") == expected
        assert mappings(clone) == [("docker.acme.test", "acme"), ("localhost", "library")]
    finally:
        second.daemon.stop()
    assert everything_of(second.daemon.pid) == []


def test_the_admin_comes_with_its_styles_hashed_and_compressed(served: Served) -> None:
    _, _, page = served.get("/admin/login/")
    style = re.search(rb'href="(/static/admin/css/base\.[0-9a-f]+\.css)"', page)
    assert style is not None

    status, headers, _ = served.get(style[1].decode(), **{"Accept-Encoding": "br"})

    assert status == 200
    assert headers["content-encoding"] == "br"
    assert "immutable" in headers["cache-control"]


def test_secrets_are_readable_by_their_owner_only(clone: Path, served: Served) -> None:
    modes = {name: stat.S_IMODE((clone / "var" / name).stat().st_mode) for name in ("secret_key", "run.env", ".")}

    assert modes == {"secret_key": 0o600, "run.env": 0o600, ".": 0o700}


def test_what_a_run_was_told_holds_for_manage_py_until_the_next_run(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    key = "it's $5 \"#1\" = a 'key'"
    told = Served(clone, tmp_path / "told", DATABASE_URL=f"sqlite:///{other}", SECRET_KEY=key)
    try:
        manage(clone, "add_mapping", "other.acme.test", "", "quay.io/acme")
        assert mappings(clone) == [("localhost", "library"), ("other.acme.test", "")]
        assert (
            manage(clone, "shell", "-v", "0", "-c", "from django.conf import settings; print(settings.SECRET_KEY)")
            == key + "\n"
        )
    finally:
        told.interrupt()

    untold = Served(clone, tmp_path / "untold")
    try:
        assert ("other.acme.test", "") not in mappings(clone)
    finally:
        untold.interrupt()

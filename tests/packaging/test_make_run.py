"""`git clone`, `make run`: what a person meets who has typed these two, and what is still there the next day."""

import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest

from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import STOP_SECONDS, Daemon, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.long]

ROOT = Path(__file__).resolve().parent.parent.parent
# The first run downloads or at least installs every package.
FIRST_START_SECONDS = 300.0
EXAMPLE = "/v2/library/alpine/manifests/latest"


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed; to install its packages takes long, so that tests share them."""
    target = tmp_path_factory.mktemp("packaging") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True, stdin=subprocess.DEVNULL)
    return target


@pytest.fixture
def clone(cloned: Path) -> Iterator[Path]:
    """A clone in which nothing was ever run: no database, no key, no settings."""
    yield cloned
    shutil.rmtree(cloned / "var", ignore_errors=True)


def environment(**settings: str) -> dict[str, str]:
    """This process's own environment (its package index, its caches) without what the facade or make would read."""
    ours = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    foreign = {"DJANGO_SETTINGS_MODULE", "TEST_DATABASE_URL", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in ours | foreign} | settings


def processes_in(folder: Path) -> list[str]:
    """The processes whose working directory is the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # One that ends meanwhile, or that is somebody else's, can't be looked at.
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text())
    return found


class Served:
    """A `make run` in the clone, on a port of its own."""

    def __init__(self, clone: Path, directory: Path, within: Sequence[str] = (), **settings: str) -> None:
        self.clone = clone
        self.port = free_port("127.0.0.1")
        directory.mkdir()
        argv = [*within, "make", "-C", str(clone), "run"]
        self.daemon = Daemon(argv, directory, environment(PORT=str(self.port), **settings))
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

    def passwords(self) -> list[str]:
        """Every password that the run has printed."""
        return re.findall(r"password (\S+)", self.output)

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to everything in the foreground. Nothing of the run may remain."""
        os.killpg(self.daemon.pid, signal.SIGINT)
        self._wait_gone()

    def quit(self) -> None:
        """End it by the one signal that begins no new line of make's: SIGQUIT to the server's first process."""
        (first,) = {int(pid) for pid in re.findall(r"process (\d+)", (self.clone / "var/run.lock").read_text())}
        os.kill(first, signal.SIGQUIT)
        self._wait_gone()

    def terminate(self) -> None:
        """End it as a supervisor does: SIGTERM to the one process that it started."""
        os.kill(self.daemon.pid, signal.SIGTERM)
        self._wait_gone()

    def _wait_gone(self) -> None:
        wait_until(lambda: not self.daemon.running, "make run has ended", STOP_SECONDS)
        wait_until(lambda: not processes_in(self.clone), "nothing works in the clone any more", STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.daemon.stop()


def manage(clone: Path, *arguments: str) -> str:
    """`.venv/bin/python manage.py …`, as in another shell: with no settings."""
    command = [str(clone / ".venv/bin/python"), str(clone / "manage.py"), *arguments]
    return run(command, env=environment()).checked().stdout


def mappings(clone: Path) -> list[tuple[str, str]]:
    return sorted((row["hostname"], row["prefix"]) for row in json.loads(manage(clone, "list_mappings", "--json")))


def log_in(served: Served, password: str) -> int:
    """The status of the answer to the admin's login form: 302 when it lets one in, 200 when it asks again."""
    _, headers, page = served.get("/accounts/login/")
    cookie = headers["set-cookie"].split(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1].decode(), "login": "admin", "password": password, "next": "/admin/"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request(
            "POST",
            "/accounts/login/",
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


def check_example(served: Served) -> None:
    """The redirect is served, and the line that was printed for trying it is one that can be typed."""
    assert served.redirect(EXAMPLE) == (307, "https://registry-1.docker.io" + EXAMPLE)
    line = next(line for line in served.output.splitlines() if "curl -i" in line)
    assert run(shlex.split(line), env=environment()).checked().stdout.startswith("HTTP/1.1 307")


def check_styles(served: Served) -> None:
    """The admin's style sheets are named by their hash, compressed, and kept by browsers."""
    _, _, page = served.get("/accounts/login/")
    style = re.search(rb'href="(/static/admin/css/base\.[0-9a-f]+\.css)"', page)
    assert style is not None
    status, headers, _ = served.get(style[1].decode(), **{"Accept-Encoding": "br"})
    assert (status, headers["content-encoding"]) == (200, "br")
    assert "immutable" in headers["cache-control"]


def check_modes(state: Path) -> None:
    """What is secret is readable by its owner only."""
    modes = {name: stat.S_IMODE((state / name).stat().st_mode) for name in ("secret_key", "run.env", ".")}
    assert modes == {"secret_key": 0o600, "run.env": 0o600, ".": 0o700}


def check_end(served: Served, before: str) -> None:
    """It is told in one line, whatever the signal was. `before`: what was printed until then."""
    lines = without_events(served.output.removeprefix(before))
    assert [line.partition(" INFO ")[2] for line in lines] == ["facade_site.server: the facade has ended"], lines


def without_events(output: str) -> list[str]:
    """Its lines, but for make's own, and what the maintenance did meanwhile: the example's registry is probed."""
    return [line for line in output.splitlines() if " routing.events: " not in line and not line.startswith("make: ")]


def test_three_runs_of_a_fresh_clone(clone: Path, tmp_path: Path) -> None:
    manifest = "/v2/acme/app/manifests/1.0"
    leads = (307, "https://ghcr.io" + manifest)

    with Served(clone, tmp_path / "first") as first:
        welcome = first.output
        check_example(first)
        check_styles(first)
        check_modes(clone / "var")
        assert first.get("/livez")[0] == 200
        passwords = first.passwords()
        assert len(passwords) == 1
        assert log_in(first, "not" + passwords[0]) == 200
        assert log_in(first, passwords[0]) == 302
        # Another shell beside it has the same database, and what it writes is served.
        manage(clone, "add_mapping", "docker.acme.test", "acme", "ghcr.io/acme", "--redirect-only")
        wait_until(lambda: first.redirect(manifest, "docker.acme.test") == leads, "the new mapping is served", 20)
        kept = mappings(clone)
        assert kept == [("docker.acme.test", "acme"), ("localhost", "library")]
        told_so_far = first.output
        first.interrupt()
    # What is said to whoever has typed the command stays in sight, and Ctrl-C adds one line to it.
    assert without_events(welcome)[-1].endswith("Ctrl-C ends the facade.")
    assert passwords[0] in "\n".join(without_events(welcome)[-12:])
    check_end(first, told_so_far)

    # What a run is told in its environment holds for manage.py in another shell, too…
    key = "it's $5 \"#1\" = a 'key'"
    with Served(
        clone, tmp_path / "told", DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}", SECRET_KEY=key
    ) as told:
        assert len(told.passwords()) == 1
        assert mappings(clone) == [("localhost", "library")]
        assert (
            manage(clone, "shell", "-v0", "-c", "from django.conf import settings as s; print(s.SECRET_KEY)")
            == f"{key}\n"
        )
        told_so_far = told.output
        told.quit()
    check_end(told, told_so_far)

    # … until the next run, which here is the first one's again, with everything that it kept.
    with Served(clone, tmp_path / "second") as second:
        assert second.passwords() == []
        assert log_in(second, passwords[0]) == 302
        assert second.redirect(manifest, "docker.acme.test") == leads
        assert mappings(clone) == kept
        told_so_far = second.output
        second.terminate()
    check_end(second, told_so_far)


def test_a_second_run_says_where_the_first_serves_and_changes_nothing(clone: Path, tmp_path: Path) -> None:
    with Served(clone, tmp_path / "first") as first:
        kept = (clone / "var/run.env").read_bytes()

        second = run(
            ["make", "-C", str(clone), "run"],
            env=environment(PORT=str(free_port("127.0.0.1")), SECRET_KEY="another"),
            timeout_seconds=FIRST_START_SECONDS,
        )

        assert not second.ok
        assert f"already: http://localhost:{first.port}/admin/, process " in second.output
        assert (clone / "var/run.env").read_bytes() == kept
        assert first.get("/readyz")[0] == 200
        first.interrupt()


def test_of_two_runs_that_begin_at_once_one_serves(clone: Path, tmp_path: Path) -> None:
    """Also while nothing is installed yet."""
    begun = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        settings = environment(PORT=str(free_port("127.0.0.1")))
        begun.append(Daemon(["make", "-C", str(clone), "run"], tmp_path / name, settings))
    try:
        wait_until(lambda: not all(each.running for each in begun), "one of them gives up", FIRST_START_SECONDS)
        (lasting,) = [each for each in begun if each.running]
        (ended,) = [each for each in begun if not each.running]
        assert f"A facade runs from {clone} already" in ended.tail()
        lasting.wait_ready(lambda: "Ctrl-C ends the facade" in lasting.tail(), FIRST_START_SECONDS)
    finally:
        for each in begun:
            each.stop()


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


def test_a_folder_that_cannot_be_written_is_served_from_a_state_folder(tmp_path: Path) -> None:
    bare, state = tmp_path / "bare", tmp_path / "state"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(bare)], check=True, stdin=subprocess.DEVNULL)
    within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY, "sh", str(bare)]

    refused = run([*within, "make", "-C", str(bare), "run"], env=environment())
    with Served(bare, tmp_path / "served", within, FACADE_STATE_DIR=str(state)) as served:
        check_example(served)
        check_styles(served)
        check_modes(state)
        listing = [str(state / "venv/bin/python"), str(bare / "manage.py"), "list_mappings"]
        listed = run([*within, *listing], env=environment(FACADE_STATE_DIR=str(state)))
        served.terminate()

    assert "FACADE_STATE_DIR=" in refused.output
    assert "docker.io/library" in listed.checked().stdout
    git = ["git", "-C", str(bare), "status", "--porcelain", "--ignored"]
    assert subprocess.run(git, check=True, capture_output=True, text=True).stdout == ""
    assert "Traceback" not in served.output

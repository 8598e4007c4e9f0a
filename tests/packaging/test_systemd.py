"""The units of deploy/systemd, and what `make install` puts where; the server behind a socket that systemd holds."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.long]

ROOT = Path(__file__).resolve().parent.parent.parent
UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("registry-facade.service", "registry-facade-maintain.service")
OPT = "/opt/registry-facade"
ADDRESS = "127.0.0.1"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the project was installed, as for a package."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    return folder


def install(folder: Path) -> None:
    # As in anybody's shell: the tests have other settings.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(["scripts/install"], cwd=ROOT, env=environment | {"DESTDIR": str(folder)}, check=True)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path, tmp_path: Path) -> None:
    for unit in (installed / "etc/systemd/system").iterdir():
        # It looks whether there are such programs.
        (tmp_path / unit.name).write_text(unit.read_text().replace(OPT, f"{installed}{OPT}"))
    (tmp_path / "broken.service").write_text("[Service]\nExecStart=/no/such/program\nNoSuchSetting=1\n")

    units = [str(tmp_path / name) for name in (*SERVICES, "registry-facade.socket")]
    verified = analyze("verify", "--man=no", *units)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert analyze("verify", "--man=no", str(tmp_path / "broken.service")).returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_unit_may_do_is_rated_below_3(name: str) -> None:
    rated = analyze("security", "--offline=true", "--threshold=29", "--no-pager", str(UNITS / name))

    assert rated.returncode == 0, rated.stdout


def test_both_services_may_do_the_same() -> None:
    start = "# What it may do"
    hardened = {re.search(rf"^{start}.*?^$", (UNITS / name).read_text(), re.M | re.S)[0] for name in SERVICES}  # type: ignore[index]

    assert len(hardened) == 1


def test_the_user_is_made_as_the_units_name_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(UNITS / "registry-facade.sysusers")],
        capture_output=True,
        text=True,
    )

    assert made.returncode == 0, made.stderr
    assert "registry-facade:" in (tmp_path / "etc/passwd").read_text()
    assert all("User=registry-facade\n" in (UNITS / name).read_text() for name in SERVICES)


def test_everything_is_in_its_place(installed: Path) -> None:
    opt = installed / OPT[1:]

    assert (opt / ".env").readlink() == Path("/etc/registry-facade/env")
    assert (opt / "staticfiles/staticfiles.json").is_file()
    assert (installed / "etc/registry-facade/env").stat().st_mode & 0o777 == 0o640
    assert (installed / "usr/local/bin/facade").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in (installed / "etc/systemd/system").iterdir()) == sorted(
        [*SERVICES, "registry-facade.socket"]
    )
    writable = [path for path in opt.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert writable == []


def test_a_second_time_the_settings_stay_and_what_is_gone_goes(installed: Path) -> None:
    settings, leftover = installed / "etc/registry-facade/env", installed / OPT[1:] / "routing/former.py"
    before = settings.read_text()
    settings.write_text(f"{before}WEB_CONCURRENCY=3\n")
    leftover.write_text("")

    install(installed)

    assert settings.read_text().endswith("WEB_CONCURRENCY=3\n")
    assert not leftover.exists()


class Service:
    """What systemd does for the service: it holds the socket, starts the program, and hears that it is ready."""

    def __init__(self, installed: Path) -> None:
        self._opt = installed / OPT[1:]
        self.folder = process.short_directory("service")
        self._listener = socket.create_server((ADDRESS, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(self.folder / "notify"))
        self._notified.settimeout(process.START_SECONDS)

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        unit = (self._opt.parents[1] / "etc/systemd/system/registry-facade.service").read_text()
        command = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)[0].replace(OPT, str(self._opt))
        words = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
        given = dict(pair.split("=", 1) for line in words for pair in line.replace(OPT, str(self._opt)).split())
        environment = process.private_environment(self.folder) | given
        environment |= {"FACADE_STATE_DIR": str(self.folder / "state"), "NOTIFY_SOCKET": str(self.folder / "notify")}
        # As systemd does: descriptor 3, and the process that is meant by its number.
        script = f"cd {self._opt} && exec env LISTEN_FDS=1 LISTEN_PID=$$ {command} 3<&0 <&-"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "sh", "-c", script],
                env=environment,
                stdin=self._listener.fileno(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while b"READY=1" not in self._notified.recv(4096):
            pass

    def stop(self) -> None:
        """Tell the first process to end, and wait for that."""
        self._process.terminate()
        assert self._process.wait(process.STOP_SECONDS) == 0

    def ask(self) -> int:
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=process.START_SECONDS)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
        connection.close()
        return status

    def end(self) -> None:
        if self._process.poll() is None:
            self.stop()
        self._listener.close()
        self._notified.close()
        process.remove(self.folder)


@pytest.fixture(scope="module")
def service(installed: Path) -> Iterator[Service]:
    running = Service(installed)
    running.start()
    yield running
    running.end()


def test_the_server_takes_the_socket_that_it_is_given_and_says_when_it_is_ready(service: Service) -> None:
    assert service.ask() == 200
    log = (service.folder / "log").read_text()
    assert "The first administrator:" in log
    assert not (service.folder / "state" / "run.env").exists()


def test_who_connects_while_it_restarts_waits_and_is_answered(service: Service) -> None:
    service.stop()
    answers: list[int] = []
    asking = [threading.Thread(target=lambda: answers.append(service.ask())) for _ in range(8)]
    for each in asking:
        each.start()

    service.start()
    for each in asking:
        each.join()

    assert answers == [200] * 8


def test_systemds_own_tool_activates_it(installed: Path) -> None:
    """By the first connection, as systemd would with a socket that starts the service on demand."""
    folder, port = process.short_directory("activated"), free_port(ADDRESS)
    opt = installed / OPT[1:]
    settings = {"FACADE_STATE_DIR": str(folder / "state"), "FACADE_MAINTAIN": "false", "PYTHONPATH": str(opt)}
    settings["PATH"] = f"{opt}/.venv/bin:{os.environ['PATH']}"
    program = [str(opt / ".venv/bin/python"), "-m", "facade_site.start"]
    passed_on = [word for name in settings for word in ("-E", name)]
    activate = shutil.which("systemd-socket-activate") or "systemd-socket-activate"
    daemon = Daemon(
        [activate, "-l", f"{ADDRESS}:{port}", *passed_on, *program],
        folder,
        process.private_environment(folder) | settings,
    )
    try:
        wait_until(lambda: "Listening on" in daemon.tail(), "it listens")
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=process.START_SECONDS)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        daemon.stop()
        process.remove(folder)


def test_as_somebody_else_it_says_what_to_type() -> None:
    if os.geteuid() != 0:
        command = ["scripts/install"]
    else:
        command = ["setpriv", "--reuid=65534", "--clear-groups", "scripts/install"]
    refused = subprocess.run(command, cwd=ROOT, env=os.environ | {"DESTDIR": ""}, capture_output=True, text=True)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "sudo make install" in refused.stderr

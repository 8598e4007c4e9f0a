"""Pages are answered by control workers: the same answers on the same connections, and no redirect waits for them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.e2e.facade import ADDRESS, CONTROL_HOST, Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.load import Load, Wanted

pytestmark = pytest.mark.e2e

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
LOCATION = "https://ghcr.io" + PATH
REDIRECT = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
SIGN_IN = "/accounts/login/"


def page(path: str = SIGN_IN, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {CONTROL_HOST}", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode() + body


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with mapped(FACADE_MAX_CONNECTIONS_PER_ADDRESS="1000") as started:
        yield started


@contextmanager
def mapped(workers: int = 2, **settings: str) -> Iterator[Facade]:
    with Facade(workers=workers, sqlite=True, FACADE_PROBE_ON_SAVE="false", **settings) as started:
        started.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        started.wait_for(PATH, 307, host=HOST, location=LOCATION)
        yield started


class Wire:
    """A connection, byte by byte."""

    def __init__(self, facade: Facade, source: str = ADDRESS) -> None:
        self.socket = socket.create_connection((ADDRESS, facade.port), timeout=60, source_address=(source, 0))
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        for piece in pieces:
            self.socket.sendall(piece)
            # Each piece is to be a read of its own, as far as that can be had.
            time.sleep(pause)

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, fields, body."""
        status = int(self._file.readline().split()[1])
        fields: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._file.readline(), 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
        else:
            body = self._file.read(int(fields.get("content-length", 0)))
        return status, fields, body

    def ended(self) -> bool:
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def wire(facade: Facade) -> Iterator[Wire]:
    with closing(Wire(facade)) as connection:
        yield connection


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_pulls_come_before_pages_on_the_processor(facade: Facade) -> None:
    ordinary = os.getpriority(os.PRIO_PROCESS, 0)
    behind = (min(ordinary + 15, 19), os.SCHED_BATCH)

    assert {_place_in_line(pid) for pid in facade.worker_pids()} == {(ordinary, os.SCHED_OTHER)}
    assert {_place_in_line(pid) for pid in facade.control_worker_pids()} == {behind}
    # It steps back once it has read its command line, and its threads are all begun after that.
    wait_until(
        lambda: {_place_in_line(pid) for pid in facade.maintenance_pids()} == {behind},
        "the regular work's stepping back",
    )


def _place_in_line(pid: int) -> tuple[int, int]:
    """The niceness and the scheduling policy of a process' first thread."""
    return os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid)


def test_pages_wait_for_control_workers_and_redirects_for_nobody(facade: Facade, wire: Wire) -> None:
    (control,) = facade.control_worker_pids()
    with stopped(control):
        wire.send(page())
        with Load(facade.port, [Wanted(REDIRECT, 307, LOCATION)]) as load:
            load.wait_for_answers(500)
        assert (load.wrong, load.broken) == ([], [])
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1, socket.MSG_PEEK)
        wire.socket.settimeout(60)

    assert wire.read()[0] == 200


def test_a_connection_serves_people_and_registry_clients_in_turn(wire: Wire) -> None:
    for _ in range(3):
        wire.send(REDIRECT)
        status, fields, _ = wire.read()
        assert (status, fields["location"]) == (307, LOCATION)
        wire.send(page())
        status, fields, body = wire.read()
        assert (status, b"csrfmiddlewaretoken" in body) == (200, True)
        assert fields.get("connection") != "close"


def test_requests_that_were_sent_at_once_are_answered_in_order(wire: Wire) -> None:
    wire.send(REDIRECT + page() + REDIRECT + page("/livez") + page("/nowhere"))

    assert [wire.read()[0] for _ in range(5)] == [307, 200, 307, 200, 404]


@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_head_in_pieces(wire: Wire, size: int) -> None:
    request = page(SIGN_IN, "Accept: text/html", "User-Agent: slow")
    wire.send(*(request[start : start + size] for start in range(0, len(request), size)), pause=0.002)

    assert wire.read()[0] == 200


@pytest.mark.parametrize("size", [10, 60_000, 300_000, 2_000_000])
def test_a_body_of_any_length_arrives_whole(wire: Wire, size: int) -> None:
    """The API tells of a body that is no JSON, and of JSON of a wrong form: it has read it to its end."""
    body = b'{"slug": "' + b"a" * size + b'", "unknown": 1}'
    wire.send(page("/api/v1/tenants", "Content-Type: application/json", method="POST", body=body))

    assert wire.read()[0] in (401, 422)
    wire.send(page())
    assert wire.read()[0] == 200


def test_who_waits_to_be_told_to_go_on_is_told(wire: Wire) -> None:
    body = b"login=nobody&password=x"
    whole = page(
        SIGN_IN, "Expect: 100-continue", "Content-Type: application/x-www-form-urlencoded", method="POST", body=body
    )
    wire.send(whole[: -len(body)])
    assert wire.read()[0] == 100
    wire.send(body)
    assert wire.read()[0] == 403, "there is no CSRF token"


def test_a_client_that_leaves_holds_nothing(facade: Facade) -> None:
    (control,) = facade.control_worker_pids()
    before = len(os.listdir(f"/proc/{control}/fd"))
    for _ in range(50):
        with closing(Wire(facade)) as connection:
            connection.send(page())

    wait_until(lambda: len(os.listdir(f"/proc/{control}/fd")) <= before + 2, "the connections are closed")
    assert sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in facade.worker_pids()) < 400


def test_the_access_log_has_each_request_once_and_from_whom() -> None:
    with mapped(FACADE_ACCESS_LOG="true") as facade:
        with closing(Wire(facade, "127.0.0.9")) as wire:
            wire.send(page("/accounts/login/?next=/once"))
            assert wire.read()[0] == 200
        wait_until(lambda: "/once" in facade.log(), "it is logged")
        lines = [line for line in facade.log().splitlines() if "/once" in line]

    assert len(lines) == 1
    assert "127.0.0.9" in lines[0]
    assert " 200 " in lines[0]


def test_a_control_worker_that_is_killed_loses_nothing_that_it_had_not_begun() -> None:
    with mapped() as facade, closing(Wire(facade)) as waiting, closing(Wire(facade)) as later:
        (control,) = facade.control_worker_pids()
        os.kill(control, signal.SIGSTOP)
        waiting.send(page())
        with Load(facade.port, [Wanted(REDIRECT, 307, LOCATION)]) as load:
            load.wait_for_answers(100)
            os.kill(control, signal.SIGKILL)
            assert waiting.read()[0] == 200
            later.send(page())
            assert later.read()[0] == 200
            load.wait_for_answers(100)
        assert (load.wrong, load.broken) == ([], [])
        wait_until(lambda: len(facade.control_worker_pids()) == 1, "another control worker")
        assert facade.control_worker_pids() != [control]


def test_connections_of_a_proxy_dont_gather_at_control_workers() -> None:
    """A proxy's connections carry everybody's requests: those that went to a control worker end with the answer."""
    with mapped(FACADE_TRUSTED_PROXIES=ADDRESS) as facade, closing(Wire(facade)) as wire:
        wire.send(REDIRECT)
        assert "connection" not in wire.read()[1]
        wire.send(page())
        status, fields, _ = wire.read()
        assert (status, fields["connection"]) == (200, "close")
        assert wire.ended()


def test_pulls_come_before_pages_where_cpu_is_scarce() -> None:
    with mapped() as facade:
        (control,) = facade.control_worker_pids()
        others = facade.worker_pids()
        niceness = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in (control, *others)}

    assert others
    assert {niceness[pid] for pid in others} == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert niceness[control] > os.getpriority(os.PRIO_PROCESS, 0)


def test_without_control_workers_the_workers_answer_pages() -> None:
    with mapped(FACADE_CONTROL_WORKERS="0") as facade, closing(Wire(facade)) as wire:
        assert facade.control_worker_pids() == []
        wire.send(REDIRECT, page(), pause=0.05)
        assert [wire.read()[0], wire.read()[0]] == [307, 200]


def test_fewer_workers_leave_a_control_worker_and_a_worker() -> None:
    with mapped() as facade:
        (control,) = facade.control_worker_pids()
        # So that the control worker is the eldest, which SIGTTOU ends.
        first = set(facade.worker_pids())
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(facade.worker_pids()) - first) == 2, "other workers")

        os.kill(facade.pid, signal.SIGTTOU)

        wait_until(
            lambda: (
                len(facade.worker_pids()) == len(facade.control_worker_pids()) == 1
                and facade.control_worker_pids() != [control]
            ),
            "one of each",
        )
        facade.wait_for(PATH, 307, host=HOST, location=LOCATION)
        assert facade.request("GET", SIGN_IN).status == 200


@pytest.mark.parametrize("ending", [signal.SIGHUP, signal.SIGTERM])
def test_no_page_is_lost_when_workers_end(ending: signal.Signals) -> None:
    """Each asker has a connection a page; what was begun is answered, whether the server goes on or not."""
    with mapped() as facade:
        answered, lost, over = [0], [], threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    connection = Wire(facade)
                except ConnectionRefusedError:
                    return
                with closing(connection):
                    try:
                        connection.send(page("/livez" if answered[0] % 2 else SIGN_IN))
                        assert connection.read()[0] == 200
                        answered[0] += 1
                    except (OSError, IndexError) as error:
                        lost.append(error)

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            wait_until(lambda: answered[0] >= 20, "pages are answered")
            if ending == signal.SIGHUP:
                before = facade.control_worker_pids()
                os.kill(facade.pid, ending)
                wait_until(
                    lambda: len(facade.control_worker_pids()) == 1 and facade.control_worker_pids() != before,
                    "another control worker",
                )
                seen = answered[0]
                wait_until(lambda: answered[0] >= seen + 20, "pages are answered")
            else:
                os.kill(facade.pid, ending)
                for asker in askers:
                    asker.join(60)
        finally:
            over.set()
            for asker in askers:
                asker.join(60)
        # A connection that the kernel had accepted for a socket that was closed then was never anybody's.
        assert [error for error in lost if not isinstance(error, ConnectionResetError)] == []
        if ending == signal.SIGHUP:
            assert lost == []

"""The fast lane and uvicorn's own worker, as real servers with the same mappings: the same bytes get the same bytes.

What a read holds is up to the kernel here; test_same_bytes.py, where it isn't, tries far more.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from tests.e2e.facade import ADDRESS, Facade
from tests.examples import examples
from tests.fast_lane import requests
from tests.fast_lane.lanes import answers_first, reads_on
from tests.fast_lane.requests import PLAIN

pytestmark = pytest.mark.e2e

# Ends a conversation whose framing is still whole, so that nobody has to wait for what won't come.
LAST = PLAIN.replace(b"Accept: */*", b"Connection: close")
# What differs from answer to answer, or from process to process: of a policy, the order of its parts.
_VARIES = re.compile(rb"^(date|content-security-policy): [^\r]*", re.MULTILINE)
_REQUEST_ID = re.compile(rb"\b[0-9a-f]{32}\b")


class Pace(NamedTuple):
    """How long a client waits, in seconds: between two writes, and for an answer that may not come."""

    between_writes: float
    for_more: float


BRISK = Pace(0.003, 0.3)
# Where the machine was too busy for the brisk pace, a server may have read two writes as one.
PATIENT = Pace(0.3, 3.0)


def converse(port: int, writes: Sequence[bytes], pace: Pace) -> tuple[bytes, bool]:
    """All that the server sends, but for what varies, and whether it closed the connection."""
    received = bytearray()
    with socket.create_connection((ADDRESS, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        closed = False
        for number, write in enumerate(writes):
            # Where the server has closed, what it sent before is still to be read.
            with contextlib.suppress(OSError):
                connection.sendall(write)
            last = number == len(writes) - 1
            closed = _read(connection, received, pace.for_more if last else pace.between_writes)
            if closed:
                break
    without_ids = _REQUEST_ID.sub(b"request id", bytes(received))
    return _VARIES.sub(lambda field: b"%b: %b" % (field[1], _sorted(field[0])), without_ids), closed


def _sorted(field: bytes) -> bytes:
    name, _, value = field.partition(b": ")
    return b"; ".join(sorted(value.split(b"; "))) if name == b"content-security-policy" else b""


def _read(connection: socket.socket, received: bytearray, seconds: float) -> bool:
    """Read until nothing has come for so long, or the end: True."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([connection], [], [], left)[0]:
            break
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return True
        received += piece
        deadline = time.monotonic() + seconds
    return False


class Servers:
    """Two servers with one worker each and the same mappings."""

    def __init__(self) -> None:
        self.fast = Facade(workers=1, sqlite=True, FACADE_MAINTAIN="false")
        try:
            self.slow = Facade(
                workers=1,
                sqlite=True,
                FACADE_MAINTAIN="false",
                GUNICORN_CMD_ARGS="--worker-class tests.fast_lane.plain_worker.PlainWorker",
                FACADE_CONTROL_WORKERS="0",
            )
        except BaseException:
            self.fast.stop()
            raise

    def stop(self) -> None:
        self.slow.stop()
        self.fast.stop()

    def compare(self, writes: Sequence[bytes], pace: Pace = BRISK) -> bytes:
        """What both answer. Asserts that it is the same."""
        pieces = [write for write in writes if write] or [b"\r\n"]
        fast, slow = (converse(server.port, pieces, pace) for server in (self.fast, self.slow))
        if (
            fast == slow
            or reads_on(fast[0], slow[0], b"".join(pieces))
            or (
                fast[1:] == slow[1:]
                and answers_first(
                    fast[0], slow[0], b"".join(pieces), lambda data: converse(self.slow.port, [data], pace)[0]
                )
            )
        ):
            return fast[0]
        assert pace is BRISK, f"{pieces}\nthe fast lane: {fast}\nthe slow lane: {slow}"
        return self.compare(writes, PATIENT)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Both, with mappings whose registries nobody asks."""
    started = Servers()
    try:
        for name, prefix, target in (
            ("docker.acme.com", "acme", "ghcr.io/acme"),
            ("docker.acme.com", "renamed", "ghcr.io/other/place"),
            ("whole.acme.com", "", "quay.io/acme"),
        ):
            for server in (started.fast, started.slow):
                server.manage("add_mapping", name, prefix, target, "--redirect-only")
        for server in (started.fast, started.slow):
            server.wait_for("/v2/app/manifests/1.0", 307, host="whole.acme.com")
        yield started
    finally:
        started.stop()


# The same examples each time: new ones are looked for in one process (test_same_bytes.py), where no clock plays a part.
@given(writes=requests.reads())
@settings(derandomize=True, deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sent(servers: Servers, writes: list[bytes]) -> None:
    servers.compare([*writes, LAST])


@given(raw=requests.near_plain())
@settings(derandomize=True, deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow])
def test_a_plain_request_with_one_thing_changed(servers: Servers, raw: bytes) -> None:
    servers.compare([raw, LAST])


def test_cut_at_every_byte(servers: Servers) -> None:
    for at in range(1, len(PLAIN)):
        assert servers.compare([PLAIN[:at], PLAIN[at:], LAST]).count(b"HTTP/1.1 307") == 2

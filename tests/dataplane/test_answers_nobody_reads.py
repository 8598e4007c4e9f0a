"""A relay is under way until its caller has taken the answer, and answers in memory have a budget (R14.9, R14.15).

Real sockets, uvicorn's own server with the facade's protocol on uvloop, and a registry whose answers are long.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.relay_limits import STREAM_BYTES, relay_limits
from tests.dataplane.facade_client import BLOB, HOST, MANIFEST, PODMAN, TAGS, UPSTREAM, FacadeClient, set_mappings
from tests.fast_lane.lanes import facade
from tests.fast_lane.test_bounds import Running
from tests.registries.faulty_server import Exchange, FaultyServer
from tests.waiting import until

# More than the kernel takes off the server's hands for a client that reads nothing.
LONG = b"x" * (4 * 1024**2)
INDEX = "application/vnd.oci.image.index.v1+json"
CALLERS = 6


class Facade(Running):
    """The facade in a thread. `seconds` is how long a client may leave an answer lying."""

    async def startup(self, sockets: object = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(client_pool.close(), self.loop).result(30)
        super().__exit__(*exception)

    def call(self, path: str, *fields: str, host: str = HOST) -> socket.socket:
        """A request on a connection of its own, whose answer waits until it is read."""
        caller = socket.socket()
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.settimeout(60)
        caller.connect(("127.0.0.1", self.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {PODMAN}", "Authorization: Bearer a.b"]
        caller.sendall("\r\n".join([*lines, *fields, "", ""]).encode())
        return caller


def all_of(caller: socket.socket, size: int) -> bytes:
    """So many bytes of an answer."""
    received = bytearray()
    while len(received) < size and (part := caller.recv(65_536)):
        received += part
    return bytes(received)


@pytest.fixture
def running(server: FaultyServer, trusting: Settings) -> Iterator[Facade]:
    entry = RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s")
    set_mappings({"team": (entry._replace(stream_blobs=True), "acme", 0)})
    server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": INDEX}, LONG)
    server.answers(
        UPSTREAM[TAGS], 200, {"Content-Type": "application/json"}, b'{"name":"acme/app","x":"%b"}' % LONG[:-99]
    )
    server.answers(UPSTREAM[BLOB], 200, {}, LONG * 4)
    with Facade(600, facade()) as started:
        yield started


@pytest.mark.parametrize("path", [MANIFEST, TAGS, BLOB])
def test_r14_9_an_answer_that_nobody_reads_holds_its_place(running: Facade, path: str) -> None:
    callers = [running.call(path) for _ in range(CALLERS)]
    heads = [caller.recv(100) for caller in callers]

    assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head in heads)
    assert relay_limits.under_way == CALLERS
    assert relay_limits.held_bytes >= CALLERS * (STREAM_BYTES if path == BLOB else len(LONG) - 200)

    # One reads all of it, the others leave.
    all_of(callers[0], len(LONG) * (4 if path == BLOB else 1) - 300)
    until(lambda: relay_limits.under_way == CALLERS - 1, "the answer that was read has let go")
    for caller in callers:
        caller.close()
    until(lambda: (relay_limits.under_way, relay_limits.held_bytes) == (0, 0), "all have let go")


def test_r14_9_who_leaves_answers_lying_is_no_trouble_to_other_tenants(running: Facade, trusting: Settings) -> None:
    trusting.FACADE_MAX_RELAYS_PER_TENANT = CALLERS
    callers = [running.call(MANIFEST) for _ in range(CALLERS)]
    assert all(caller.recv(100) for caller in callers)

    assert running.call(MANIFEST).recv(20).startswith(b"HTTP/1.1 429 ")
    assert running.call(MANIFEST, host="docker.globex.com").recv(20).startswith(b"HTTP/1.1 200 ")

    for caller in callers:
        caller.close()
    until(lambda: relay_limits.under_way == 0, "they have let go")
    assert running.call(MANIFEST).recv(20).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("setting", ["FACADE_MAX_RELAYED_BYTES", "FACADE_MAX_RELAYED_BYTES_PER_TENANT"])
@pytest.mark.parametrize("path", [MANIFEST, TAGS, BLOB])
def test_r14_15_answers_in_memory_have_a_budget(running: Facade, trusting: Settings, setting: str, path: str) -> None:
    setattr(trusting, setting, 2 * (STREAM_BYTES if path == BLOB else len(LONG)) + 1000)
    callers = [running.call(path) for _ in range(2)]
    assert all(caller.recv(100).startswith(b"HTTP/1.1 200 ") for caller in callers)

    refused = running.call(path)
    answer = refused.recv(4096)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nretry-after: " in answer.lower()
    until(lambda: relay_limits.under_way == 2, "the third holds nothing")

    for caller in callers:
        caller.close()
    until(lambda: relay_limits.held_bytes == 0, "they have let go")
    assert running.call(path).recv(20).startswith(b"HTTP/1.1 200 ")


def test_r14_15_what_is_taken_off_a_small_answer_counts_by_its_size(
    running: Facade, server: FaultyServer, trusting: Settings
) -> None:
    """Compressed, it is small on the way here alone."""
    import gzip

    packed = gzip.compress(LONG)
    server.answers(UPSTREAM[MANIFEST], 200, {"Content-Type": INDEX, "Content-Encoding": "gzip"}, packed)
    trusting.FACADE_MAX_RELAYED_BYTES_PER_TENANT = len(LONG) + 100_000
    first = running.call(MANIFEST)
    assert first.recv(100).startswith(b"HTTP/1.1 200 ")

    assert running.call(MANIFEST).recv(20).startswith(b"HTTP/1.1 429 ")


@pytest.mark.parametrize("field", ["Connection: keep-alive", "Connection: close"])
@pytest.mark.parametrize("path", [MANIFEST, BLOB])
def test_r14_9_a_caller_has_no_more_than_so_long(
    server: FaultyServer, trusting: Settings, running: Facade, path: str, field: str
) -> None:
    with Facade(1, facade()) as impatient:
        caller = impatient.call(path, field)
        assert caller.recv(100).startswith(b"HTTP/1.1 200 ")

        until(lambda: (relay_limits.under_way, relay_limits.held_bytes) == (0, 0), "it was let go")
        until(lambda: not impatient.server_state.connections, "its connection is closed")


async def test_r14_9_django_holds_the_place_until_the_response_is_closed(
    server: FaultyServer, trusting: Settings
) -> None:
    registry = RegistryEntry(server.url, "the registry", auth="bearer", realm=f"{server.url}/realm", service="s")
    client = FacadeClient(server, registry)
    held: list[int] = []

    def answer(exchange: Exchange) -> None:
        held.append(relay_limits.under_way)
        exchange.answer(200, {"Content-Type": INDEX}, b"{}")

    server.on(UPSTREAM[MANIFEST], answer)
    assert (await client.request(MANIFEST)).status == 200
    assert (held, relay_limits.under_way, relay_limits.held_bytes) == ([1], 0, 0)
    await client_pool.close()


def test_a_place_that_got_lost_is_free_again() -> None:
    place = relay_limits.acquire("lost")
    place.hold(1000)
    place.share()
    assert (relay_limits.under_way, relay_limits.held_bytes) == (1, 1000)

    del place

    assert (relay_limits.under_way, relay_limits.held_bytes) == (0, 0)

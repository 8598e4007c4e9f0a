"""Pulls on real workers, in both lanes: every one is counted when a worker ends, and none twice when one is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from benchmarks import processes
from tests.e2e.facade import ADDRESS, Facade, facade_on
from tests.e2e.lab.process import wait_until

pytestmark = pytest.mark.e2e

HOST = "docker.acme.test"
DIGEST = f"sha256:{'a' * 64}"
AGENT = "User-Agent: docker/28.4.0 os/linux arch/amd64\r\n"
#: Taken by the parser and the application, and not by the fast lane.
SLOW = AGENT + "Content-Length: 0\r\n"
#: What is sent in turn, and how many GETs of manifests that are.
MIX = [
    ("GET", "acme/app/manifests/1.0", AGENT),
    ("HEAD", "acme/app/manifests/1.0", AGENT),
    ("GET", f"acme/app/manifests/{DIGEST}", AGENT),
    ("GET", f"acme/app/blobs/{DIGEST}", AGENT),
    ("GET", "acme/app/manifests/1.0", SLOW),
    ("GET", "acme/other/manifests/2.0", AGENT + "DNT: 1\r\n"),
]
GETS = 4
CONNECTIONS = 16
#: More than 100,000 requests on all connections together.
ROUNDS = 1050


@pytest.fixture(params=["sqlite", "postgresql"])
def facade(request: pytest.FixtureRequest) -> Iterator[Facade]:
    with facade_on(request.param, workers=4, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        running.wait_for("/v2/acme/app/blobs/" + DIGEST, 307, host=HOST, headers={"User-Agent": "docker/28"})
        yield running


def counted(facade: Facade) -> int:
    told = json.loads(facade.manage("facade", "pulls", HOST, "--json"))
    assert told["relayed"] == told["remembered"] == told["refused"] == told["failed"] == 0
    return int(told["redirected"])


class Sent(NamedTuple):
    """Of one connection: how many GETs of manifests were answered, and whether its worker went away for good."""

    answered: int
    is_broken: bool


async def send(facade: Facade, rounds: int, ports: list[int], *, until_closed: bool = False) -> list[Sent]:
    """Send the mix so often on each connection. `ports` gets this end's port of each."""

    async def one() -> Sent:
        answered, turn = 0, 0
        reader, writer = await asyncio.open_connection(ADDRESS, facade.port)
        ports.append(writer.get_extra_info("sockname")[1])
        while turn < rounds * len(MIX):
            method, path, fields = MIX[turn % len(MIX)]
            try:
                writer.write(f"{method} /v2/{path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError):
                if until_closed:
                    return Sent(answered, is_broken=True)
                # It was closed before this request was read.
                reader, writer = await asyncio.open_connection(ADDRESS, facade.port)
                continue
            assert head.startswith(b"HTTP/1.1 307"), head
            answered += method == "GET" and "manifests" in path
            turn += 1
        writer.close()
        return Sent(answered, is_broken=False)

    return await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


def worker_of(facade: Facade, port: int) -> int:
    """The worker that has the other end of a connection."""
    worker = processes.server_of(facade.port, port, facade.worker_pids())
    assert worker is not None
    return worker


def test_every_pull_is_counted_whichever_worker_ends(facade: Facade) -> None:
    async def send_and_end() -> int:
        ports: list[int] = []
        sending = asyncio.create_task(send(facade, ROUNDS, ports))
        await asyncio.sleep(0.5)
        os.kill(worker_of(facade, ports[0]), signal.SIGTERM)
        return sum(each.answered for each in await sending)

    answered = asyncio.run(send_and_end())
    assert answered == CONNECTIONS * ROUNDS * GETS

    wait_until(lambda: counted(facade) >= answered, "all pulls are counted")
    facade.kill()

    assert counted(facade) == answered
    facade.start()


def test_a_worker_that_is_killed_takes_its_batch_along_and_no_more(facade: Facade) -> None:
    before = sum(each.answered for each in asyncio.run(send(facade, 20, [])))
    wait_until(lambda: counted(facade) == before, "all pulls are counted")

    async def send_and_kill() -> list[Sent]:
        ports: list[int] = []
        sending = asyncio.create_task(send(facade, 400, ports, until_closed=True))
        await asyncio.sleep(0.5)
        os.kill(worker_of(facade, ports[0]), signal.SIGKILL)
        return await sending

    sent = asyncio.run(send_and_kill())
    facade.kill()

    assert any(each.is_broken for each in sent)
    by_others = sum(each.answered for each in sent if not each.is_broken)
    assert before + by_others <= counted(facade) <= before + sum(each.answered for each in sent)
    facade.start()


def test_random_names_take_rows_within_the_bound() -> None:
    with Facade(workers=2, FACADE_PROBE_ON_SAVE="false", FACADE_STATISTICS_ROWS="50") as facade:
        facade.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        facade.wait_for("/v2/acme/app/blobs/" + DIGEST, 307, host=HOST, headers={"User-Agent": "docker/28"})

        async def flood() -> None:
            reader, writer = await asyncio.open_connection(ADDRESS, facade.port)
            for number in range(5000):
                path = f"acme/x{number}/manifests/{number}"
                writer.write(f"GET /v2/{path} HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}\r\n".encode())
                await reader.readuntil(b"\r\n\r\n")
            writer.close()

        asyncio.run(flood())
        facade.kill()

        told: Any = json.loads(facade.manage("facade", "pulls", HOST, "--by", "repository", "--limit", "500", "--json"))
        assert told["pulls"] == 5000
        assert len(told["rows"]) <= 51
        assert {"repository": "", "pulls": 4950} in told["rows"]
        facade.start()

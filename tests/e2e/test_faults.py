"""A registry that misbehaves costs those who wait for it: redirects on the same worker go on as before."""

import contextlib
import http.client
import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab.process import wait_until
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer

DEADLINE_SECONDS = 4.0
WAITING = 6
REDIRECTS = 150
# Far above what a busy machine adds to a redirect, far below what it would wait behind one of the faults.
SLACK_SECONDS = 0.5
WORST_SLACK_SECONDS = 2.0
MANIFEST = "/v2/faulty/app/manifests/1.0"


def endless_body(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Type": "application/json", "Connection": "close"})
    exchange.flood()


def large_manifest(exchange: Exchange) -> None:
    exchange.answer(200, {"Content-Type": "application/json"}, b"x" * 10_000_000)


def chunks_cut_short(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    exchange.send(b"5\r\nhello\r\n5\r\nwo")
    exchange.close()


class Fault(NamedTuple):
    """How the registry answers a manifest, and what status the facade's caller gets."""

    name: str
    behaviour: Behaviour
    status: int


FAULTS = [
    Fault("hangs", Exchange.hang, 504),
    Fault("resets", Exchange.reset, 502),
    Fault("500", lambda exchange: exchange.answer(500, {}, b"oops"), 502),
    Fault("429", lambda exchange: exchange.answer(429, {"Retry-After": "9"}), 429),
    Fault("HTML", lambda exchange: exchange.answer(200, {"Content-Type": "text/html"}, b"<html>"), 502),
    Fault("endless body", endless_body, 502),
    Fault("10 MB manifest", large_manifest, 502),
    Fault("to metadata", lambda exchange: exchange.answer(307, {"Location": "http://169.254.169.254/"}), 502),
    Fault("chunks cut short", chunks_cut_short, 502),
]


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    """One worker, so that everything is on the same."""
    with Facade(workers=1, FACADE_RELAY_SECONDS=str(DEADLINE_SECONDS), FACADE_PROBE_ON_SAVE="false") as started:
        yield started


@pytest.fixture(scope="module")
def faulty() -> Iterator[FaultyServer]:
    server = FaultyServer()
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Bearer realm="{server.url}/token",service="s"'})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def address(facade: Facade, faulty: FaultyServer) -> Iterator[Address]:
    """`faulty` is relayed to the registry, `fine` redirected."""
    with AddressBook(facade) as address_book:
        mappings = (
            MappingSpec("faulty", faulty.url, "faulty"),
            MappingSpec("fine", faulty.url, "fine", redirect_only=True),
        )
        (opened,) = address_book.open([AddressSpec(mappings)])
        yield opened


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_redirects_keep_their_latency(facade: Facade, faulty: FaultyServer, address: Address, fault: Fault) -> None:
    faulty.on(MANIFEST, fault.behaviour)
    faulty.requests.clear()
    before = _redirects(facade, address)
    with _callers(facade, address) as (statuses, seconds):
        wait_until(lambda: any(request.path == MANIFEST for request in faulty.requests), "the registry is asked")
        meanwhile = _redirects(facade, address)
        wait_until(lambda: sum(statuses.values()) >= WAITING, "the callers are answered")
    assert set(statuses) == {fault.status}
    assert max(seconds) < DEADLINE_SECONDS + 20
    assert statistics.median(meanwhile) < statistics.median(before) + SLACK_SECONDS
    assert statistics.quantiles(meanwhile, n=100)[98] < statistics.quantiles(before, n=100)[98] + WORST_SLACK_SECONDS


def _redirects(facade: Facade, address: Address) -> list[float]:
    """How long each of some redirects took, one after the other, in seconds."""
    taken = []
    connection = http.client.HTTPConnection(ADDRESS, facade.port, timeout=30)
    with contextlib.closing(connection):
        for _ in range(REDIRECTS):
            started = time.monotonic()
            connection.request("GET", "/v2/fine/app/manifests/1.0", headers={"Host": address.netloc})
            answer = connection.getresponse()
            answer.read()
            taken.append(time.monotonic() - started)
            assert answer.status == 307
    return taken


@contextlib.contextmanager
def _callers(facade: Facade, address: Address) -> Iterator[tuple[Counter[int], list[float]]]:
    """Keeps some callers asking for the faulty registry's manifest; gives the statuses and how long each took."""
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            started = time.monotonic()
            answer = facade.request("GET", MANIFEST, host=address.netloc, headers={"Authorization": "Bearer x"})
            seconds.append(time.monotonic() - started)
            statuses[answer.status] += 1
            assert json.loads(answer.body)["errors"][0]["message"]

    threads = [threading.Thread(target=ask) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    try:
        yield statuses, seconds
    finally:
        done.set()
        for thread in threads:
            thread.join(60)

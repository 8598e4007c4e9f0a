from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from routing.registries.errors import ForbiddenAddress, RegistryTimeout, ResponseTooLarge
from routing.registries.guard import GuardPolicy
from routing.registries.probe import Auth, probe_registry
from routing.registries.sync import SyncRegistryClient

from .conftest import ANYTHING, HASTY, PATIENT
from .sick_server import CHUNK, Exchange, SickServer


@pytest.fixture
def sync_client() -> Iterator[SyncRegistryClient]:
    client = SyncRegistryClient(ANYTHING, PATIENT)
    yield client
    client.close()


def test_it_asks_as_the_other_does(sync_client: SyncRegistryClient, server: SickServer) -> None:
    server.answers("/v2/", 200, {"X": "y"}, b"{}")
    answer = sync_client.request("GET", server.url + "/v2/", headers=[("Accept", "a/b")])
    assert (answer.status, answer.body, answer.headers["x"]) == (200, b"{}", "y")
    assert sync_client.peek("GET", server.url + "/v2/").body == b""
    assert server.asked[0].headers["Accept"] == "a/b"


def test_errors_and_limits_are_the_same(sync_client: SyncRegistryClient, server: SickServer) -> None:
    server.answers("/", 200, {}, b"x" * 11)
    with pytest.raises(ResponseTooLarge):
        sync_client.request("GET", server.url + "/", max_body_bytes=10)
    strict = SyncRegistryClient(GuardPolicy())
    with pytest.raises(ForbiddenAddress):
        strict.request("GET", "https://127.0.0.1/")
    strict.close()


def test_the_total_deadline_holds_while_headers_drip(server: SickServer) -> None:
    def drip(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
        exchange.drip(b"x")

    server.on("/", drip)
    client = SyncRegistryClient(ANYTHING, HASTY)
    with pytest.raises(RegistryTimeout):
        client.request("GET", server.url + "/")
    client.close()


def test_a_body_is_streamed_and_may_be_left(sync_client: SyncRegistryClient, server: SickServer) -> None:
    def layer(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(3 * len(CHUNK))})
        for _ in range(3):
            exchange.send(CHUNK)

    server.on("/layer", layer)
    with sync_client.open("GET", server.url + "/layer", streaming=True) as answer:
        assert (answer.status, answer.content_length) == (200, 3 * len(CHUNK))
        assert sum(len(chunk) for chunk in answer.chunks()) == 3 * len(CHUNK)
    with sync_client.open("GET", server.url + "/layer") as answer:
        assert answer.read(10**6) == 3 * CHUNK
    with sync_client.open("GET", server.url + "/layer") as answer:
        for _ in answer.chunks():
            break
    with pytest.raises(RuntimeError, match="of the caller"), sync_client.open("GET", server.url + "/layer"):
        raise RuntimeError("of the caller")
    assert sync_client.request("GET", server.url + "/layer").status == 200


def test_many_threads_share_it(sync_client: SyncRegistryClient, server: SickServer) -> None:
    server.on("/", lambda exchange: exchange.answer(200, {}, exchange.asked.path.encode()))
    with ThreadPoolExecutor(8) as threads:
        urls = [f"{server.url}/?{number}" for number in range(64)]
        bodies = list(threads.map(lambda url: sync_client.request("GET", url).body.decode(), urls))
    assert [server.url + body for body in bodies] == urls


def test_it_runs_what_is_written_for_the_other(sync_client: SyncRegistryClient, server: SickServer) -> None:
    server.answers("/v2/", 200)
    assert sync_client.run(probe_registry, server.url).auth is Auth.NONE


def test_closed_it_starts_anew(sync_client: SyncRegistryClient, server: SickServer) -> None:
    sync_client.close()
    sync_client.request("GET", server.url + "/")
    sync_client.close()
    sync_client.close()
    assert sync_client.request("GET", server.url + "/").status == 404
    assert server.connections == 2


def test_a_forked_process_gets_a_thread_of_its_own(sync_client: SyncRegistryClient, server: SickServer) -> None:
    sync_client.request("GET", server.url + "/")
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if sync_client.request("GET", server.url + "/child").status == 404 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert "/child" in server.paths()

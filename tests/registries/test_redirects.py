from __future__ import annotations

import pytest

from routing.registries.client import RegistryClient
from routing.registries.redirects import open_following, peek_following, request_following, same_server
from tests.registries.faulty_server import FaultyServer

HTTPS = "https://r.example/v2/a"


@pytest.mark.parametrize(
    ("asked", "location", "next_url"),
    [
        (HTTPS, "https://r.example/v2/b?x=%2F", "https://r.example/v2/b?x=%2F"),
        (HTTPS, "https://R.example:443/v2/b", "https://R.example:443/v2/b"),
        # A server behind a proxy that ends TLS takes itself for plain HTTP: what was safe stays safe.
        (HTTPS, "http://r.example/v2/b?x=1", "https://r.example/v2/b?x=1"),
        ("https://r.example:5000/v2/a", "http://r.example:5000/v2/b", "https://r.example:5000/v2/b"),
        ("http://r.example/v2/a", "https://r.example/v2/b", "https://r.example/v2/b"),
        (HTTPS, "https://s.r.example/v2/b", None),
        (HTTPS, "https://example/v2/b", None),
        (HTTPS, "https://r.example.:8443/v2/b", None),
        (HTTPS, "https://r.example:8443/v2/b", None),
        ("https://r.example:5000/v2/a", "https://r.example/v2/b", None),
        ("http://r.example:8080/v2/a", "https://r.example/v2/b", None),
    ],
)
def test_the_same_server(asked: str, location: str, next_url: str | None) -> None:
    assert same_server(asked, location) == next_url


@pytest.mark.parametrize(
    ("status", "method"), [(301, "POST"), (302, "POST"), (307, "POST"), (308, "POST"), (303, "GET")]
)
async def test_a_form_is_sent_again_but_after_303(
    client: RegistryClient, server: FaultyServer, status: int, method: str
) -> None:
    server.answers("/old", status, {"Location": "/new"})
    server.answers("/new", 200, {}, b"there")
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic x")]

    answer = await request_following(client, "POST", f"{server.url}/old", headers=headers, content=b"a=b")

    assert (answer.body, answer.url) == (b"there", f"{server.url}/new")
    assert server.requests[-1].method == method
    assert server.requests[-1].body == (b"" if method == "GET" else b"a=b")
    assert ("Content-Type" in server.requests[-1].headers) is (method == "POST")
    assert server.requests[-1].headers["Authorization"] == "Basic x"


async def test_connections_serve_again(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/old", 301, {"Location": "/new"}, b"moved")
    server.answers("/new", 404, {}, b"gone")
    for _ in range(3):
        assert (await peek_following(client, "GET", f"{server.url}/old")).status == 404
    async with open_following(client, "GET", f"{server.url}/old", follows=lambda path: path == "/else") as answer:
        assert answer.status == 301
    assert server.connections == 1

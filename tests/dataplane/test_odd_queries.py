"""A query that isn't UTF-8: people get pages and programs problems of it; registry clients are told as ever."""

from __future__ import annotations

import json

import pytest

from routing.dataplane.live.live_table import live_table
from tests.dataplane.test_application import Client, scope
from tests.fast_lane.lanes import facade, table


async def ask(host: str, path: str, query: bytes) -> tuple[int, str, bytes]:
    """Status, type and body of the answer to a query that is sent as it is."""
    live_table.table = table()
    client = Client()
    await facade()(scope(path, fields=[(b"host", host.encode())], query_string=query), client.receive, client.send)
    fields = {name.lower(): value for name, value in client.sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in client.sent[1:])
    return client.sent[0]["status"], fields.get(b"content-type", b"").decode(), body


@pytest.mark.parametrize("query", [b"q=\xff\xfe", b"q=%FF%FE", b"\xc3=1&q=\xa0"])
async def test_on_a_control_host(query: bytes) -> None:
    status, kind, body = await ask("localhost", "/api/nothing", query)
    assert (status, kind, json.loads(body)["code"]) == (404, "application/json", "not_found")

    status, kind, body = await ask("localhost", "/nothing/here", query)
    assert (status, kind) == (404, "text/html; charset=utf-8")
    assert b"</html>" in body


async def test_to_registry_clients() -> None:
    status, _, body = await ask("docker.acme.com", "/v2/acme/app/manifests/1.0", b"ns=\xff")

    assert (status, body) == (400, b"")

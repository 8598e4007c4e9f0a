"""A mapping's word to those who pull goes along with what the facade relays (request-handling.md, R14.18)."""

from __future__ import annotations

import pytest

from routing.core.table.routing_table import Change
from routing.dataplane.live.live_table import live_table
from tests.dataplane.facade_client import BLOB, HOST, MANIFEST, TAGS, UPSTREAM, FacadeClient
from tests.registries.behaviours import redirects
from tests.registries.faulty_server import FaultyServer

NOTICE = "moves to example.com on 1 March"


@pytest.fixture(autouse=True)
def _noticed(facade_client: FacadeClient) -> None:
    table = live_table.table
    assert table is not None
    match = table.match_repository(HOST, "team/app")
    assert match is not None
    entry = {"registry": match.registry_key, "upstream_prefix": "acme", "flags": match.flags, "notice": NOTICE}
    live_table.table = table.apply([Change(2, "mapping", f"{HOST}/team", entry)])


@pytest.mark.parametrize("path", [MANIFEST, TAGS])
async def test_r14_18_what_is_relayed_carries_the_notice(
    facade_client: FacadeClient, server: FaultyServer, path: str
) -> None:
    server.answers_json(UPSTREAM[path], {"name": "acme/app", "tags": []})

    answer = await facade_client.request(path)

    assert (answer.status, answer.headers["warning"]) == (200, f'299 - "{NOTICE}"')


async def test_r14_18_what_the_registry_warns_of_comes_first(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": []}, {"Warning": '299 - "of the registry"'})

    answer = await facade_client.request(TAGS)

    assert answer.headers["warning"] == f'299 - "of the registry", 299 - "{NOTICE}"'


async def test_r14_18_refusals_and_locations_carry_none(facade_client: FacadeClient, server: FaultyServer) -> None:
    server.on(UPSTREAM[BLOB], redirects("https://cdn.example/x"))

    for path, status in ((MANIFEST, 404), (BLOB, 307)):
        answer = await facade_client.request(path)
        assert answer.status == status
        assert "warning" not in answer.headers

"""What comes from memory carries a mapping's notice as what is relayed does (request-handling.md, R14.18)."""

from __future__ import annotations

from routing.core.table.routing_table import Change
from routing.dataplane.live.live_table import live_table
from tests.dataplane.facade_client import HOST, FacadeClient
from tests.dataplane.remembered.public_registry import STRANGER, PublicRegistry
from tests.dataplane.remembered.test_answers import APP, path

NOTICE = "moves to example.com on 1 March"


async def test_r14_18_what_is_remembered_carries_the_notice(
    facade_client: FacadeClient, server: PublicRegistry
) -> None:
    table = live_table.table
    assert table is not None
    match = table.match_repository(HOST, "team/app")
    assert match is not None
    entry = {"registry": match.registry_key, "upstream_prefix": "acme", "flags": match.flags, "notice": NOTICE}
    live_table.table = table.apply([Change(2, "mapping", f"{HOST}/team", entry)])
    server.repository().put(APP, "1.0")

    answers = [await facade_client.request(path("1.0"), headers=[STRANGER]) for _ in range(3)]

    assert [(answer.status, answer.headers.get("warning")) for answer in answers] == [(200, f'299 - "{NOTICE}"')] * 3

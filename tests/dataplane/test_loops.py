"""The facade asks neither itself (request-handling.md, R14.10) nor, for a wildcard, under another name (R1.10)."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.routing_table import Auth, HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from tests.dataplane.facade_client import BASIC, BLOB, MANIFEST, TAGS, UPSTREAM, FacadeClient
from tests.registries.faulty_server import FaultyServer

TOKEN_REQUEST = "/token?scope=repository:team/app:pull"
CREDENTIALS = ("authorization", f"Basic {BASIC}")


def lead_host(registry: RegistryEntry, host: str) -> None:
    """From now on this hostname leads to the registry, and is there beside *.pull.globex.com."""
    live_table.table = Table.build(
        policy(),
        1,
        tenants=[("1", TenantEntry("Acme"))],
        registries=[("1", registry)],
        hosts=[(host, HostEntry("1")), ("*.pull.globex.com", HostEntry("1"))],
        mappings=[(f"{host}/team", MappingEntry("1", "acme", Flag.ENABLED))],
    )


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS, "/v2/", TOKEN_REQUEST])
@pytest.mark.parametrize(
    "origin", ["https://docker.acme.com", "https://Docker.ACME.com.:8443", "https://any.pull.globex.com"]
)
async def test_r14_10_a_registry_at_a_hostname_of_the_facade_is_never_asked(
    facade_client: FacadeClient, path: str, origin: str
) -> None:
    lead_host(RegistryEntry(origin, "loop", auth=Auth.BEARER, realm=f"{origin}/token", service="x"), "docker.acme.com")

    status, code, message = (await facade_client.request(path)).error

    assert (status, code) == (502, "UNAVAILABLE")
    assert "can't ask itself" in message


@pytest.mark.parametrize(
    "realm",
    [
        "https://docker.acme.com/token",
        "https://any.pull.globex.com:443/token",
        "https://docker.acme.com?x=/token",
        "https://docker.acme.com#/token",
    ],
)
async def test_r14_10_nor_is_a_realm_there(facade_client: FacadeClient, server: FaultyServer, realm: str) -> None:
    lead_host(facade_client.registry._replace(realm=realm), "docker.acme.com")

    status, _, message = (await facade_client.request(TOKEN_REQUEST, headers=[CREDENTIALS])).error

    assert status == 502
    assert "can't ask itself" in message


async def test_r1_10_below_a_wildcard_everything_goes_by_the_wildcards_mappings(
    facade_client: FacadeClient, server: FaultyServer
) -> None:
    lead_host(facade_client.registry, "*.pull.acme.com")
    server.answers_json("/realm", {"token": "upstream.token"})
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": ["1.0"]})

    challenge = await facade_client.request(TAGS, host="a.pull.acme.com", headers=[])
    token = await facade_client.request(TOKEN_REQUEST, host="a.pull.acme.com", headers=[])
    tags = await facade_client.request(TAGS, host="a.pull.acme.com")

    assert challenge.headers["www-authenticate"] == (
        'Bearer realm="http://a.pull.acme.com/token",service="a.pull.acme.com",scope="repository:team/app:pull"'
    )
    assert token.json()["token"].endswith(".upstream.token")
    assert tags.json() == {"name": "team/app", "tags": ["1.0"]}


@pytest.mark.parametrize("path", [MANIFEST, BLOB, TAGS, TOKEN_REQUEST])
async def test_r14_10_where_all_names_are_answered_a_registry_whose_own_name_arrives_here_is_not_asked(
    facade_client: FacadeClient, server: FaultyServer, settings: Settings, path: str
) -> None:
    settings.REGISTRY_HOST, settings.FACADE_HOSTNAME = "127.0.0.1", ""
    lead_host(facade_client.registry, "localhost")
    server.answers_json("/realm", {"token": "upstream.token"})
    server.answers_json(UPSTREAM[TAGS], {"name": "acme/app", "tags": ["1.0"]})
    asked_before = len(server.requests)

    status, _, message = (await facade_client.request(path, host="127.0.0.1:8000", headers=[CREDENTIALS])).error

    assert status == 502
    assert "can't ask itself" in message
    assert len(server.requests) == asked_before
    assert (await facade_client.request(TAGS, host="any.example")).json()["tags"] == ["1.0"]

"""A tenant with a registry, and a token realm, of its own tries to be brought credentials that are meant for others."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.mapping_entry import Flag, MappingEntry, mapping_key
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.upstream import client_pool
from tests.dataplane.facade_client import FacadeClient
from tests.registries.faulty_server import FaultyServer

ALICES, MALLORYS = "docker.acme.com", "docker.globex.com"
PASSWORD = "s3cret"
CREDENTIALS = ("authorization", "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode())
BEARER = ("authorization", f"Bearer {PASSWORD}")
PULL = "repository:team/app:pull"


@pytest.fixture
def evil() -> Iterator[FaultyServer]:
    """Mallory's registry: it wants tokens of a realm of its own, and notes whatever it is brought."""
    started = FaultyServer()
    challenge = f'Bearer realm="{started.url}/collect",service="alices"'
    started.answers("/v2/", 401, {"WWW-Authenticate": challenge})
    started.answers_json("/collect", {"token": "worthless"})
    yield started
    started.stop()


@pytest_asyncio.fixture
async def facade_client(server: FaultyServer, trusting: Settings) -> AsyncIterator[FacadeClient]:
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Bearer realm="{server.url}/realm",service="s"'})
    server.answers_json("/realm", {"token": "alices.token"})
    yield FacadeClient(server, entry(server))
    await client_pool.close()


def entry(server: FaultyServer, realm: str = "/realm", auth: str = "bearer") -> RegistryEntry:
    return RegistryEntry(
        server.url, "a registry", auth=auth, realm=f"{server.url}{realm}" if realm else "", service="s"
    )


def serve(alices: RegistryEntry, mallorys: RegistryEntry, *more: tuple[str, str]) -> None:
    """Each has a hostname, with a mapping of the same prefix; `more`: other mappings of Mallory's registry."""
    ways = [(ALICES, "team", "1"), (MALLORYS, "team", "2"), *((host, prefix, "2") for host, prefix in more)]
    live_table.table = Table.build(
        policy(),
        1,
        tenants=[("1", TenantEntry("Acme")), ("2", TenantEntry("Globex"))],
        registries=[("1", alices), ("2", mallorys)],
        hosts=[(ALICES, HostEntry("1")), (MALLORYS, HostEntry("2"))],
        mappings=[(mapping_key(host, prefix), MappingEntry(key, prefix, Flag.ENABLED)) for host, prefix, key in ways],
    )


@pytest.mark.parametrize(
    "query",
    [
        f"scope={PULL}&service={MALLORYS}",
        f"scope={PULL}&service=alices&realm=http://{MALLORYS}/token",
        f"scope=repository:{MALLORYS}/team/app:pull&scope={PULL}",
        f"scope={PULL}&host={MALLORYS}&account=alice",
        "account=alice",
    ],
)
async def test_nothing_that_a_request_says_brings_credentials_to_another_tenants_realm(
    facade_client: FacadeClient, server: FaultyServer, evil: FaultyServer, query: str
) -> None:
    serve(entry(server), entry(evil, "/collect"))

    answer = await facade_client.request(
        f"/token?{query}", headers=[CREDENTIALS, ("x-forwarded-host", MALLORYS), ("forwarded", f"host={MALLORYS}")]
    )

    assert answer.status == 200
    assert answer.json()["token"].endswith(".alices.token")
    assert server.requests
    assert evil.requests == []


async def test_a_second_record_of_anothers_registry_with_another_realm_is_for_its_own_hostname_alone(
    facade_client: FacadeClient, server: FaultyServer, evil: FaultyServer
) -> None:
    """Mallory's record names Alice's registry; that its realm is Mallory's, only Mallory's own callers are told."""
    lying = RegistryEntry(server.url, "alices?", auth="bearer", realm=f"{evil.url}/collect", service="s")
    for alices in (entry(server), entry(server, "", auth="")):
        serve(alices, lying)
        await facade_client.request(f"/token?scope={PULL}", host=MALLORYS, headers=[])
        evil.requests.clear()

        answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])

        assert answer.json()["token"].endswith(".alices.token")
        assert evil.requests == []


async def test_a_registry_that_was_asked_for_its_realm_answers_for_itself_alone(
    facade_client: FacadeClient, server: FaultyServer, evil: FaultyServer
) -> None:
    """What a process learns of registries that no probe has reached is kept by their address."""
    serve(entry(server, "", auth=""), entry(evil, "", auth=""))
    await facade_client.request(f"/token?scope={PULL}", host=MALLORYS, headers=[])
    assert any(asked.path.startswith("/collect") for asked in evil.requests)
    evil.requests.clear()

    answer = await facade_client.request(f"/token?scope={PULL}", headers=[CREDENTIALS])

    assert answer.json()["token"].endswith(".alices.token")
    assert evil.requests == []


async def test_a_challenge_names_the_realm_of_the_hostname_that_was_asked_whatever_the_registry_says(
    facade_client: FacadeClient, server: FaultyServer, evil: FaultyServer
) -> None:
    serve(entry(server), entry(evil, "/collect"))
    path = "/v2/team/app/manifests/1.0"
    evil.answers(path, 401, {"WWW-Authenticate": f'Bearer realm="https://{ALICES}/token",service="{ALICES}"'})
    server.answers(path, 401, {"WWW-Authenticate": f'Bearer realm="{evil.url}/collect",service="s"'})

    for host in (ALICES, MALLORYS):
        answer = await facade_client.request(path, host=host, headers=[BEARER])
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith(f'Bearer realm="http://{host}/token",service="{host}"')


async def test_a_registry_sees_no_token_of_another_and_none_goes_along_to_where_it_redirects(
    facade_client: FacadeClient, server: FaultyServer, evil: FaultyServer
) -> None:
    """Of two mappings of one hostname, that onto Mallory's registry gets what its own callers send, and no more."""
    serve(entry(server), entry(evil, "/collect"), (ALICES, "other"))
    blob = "/v2/team/app/blobs/sha256:" + "a" * 64
    server.answers(blob, 307, {"Location": f"{evil.url}/cdn"})
    server.answers_json("/v2/team/app/manifests/1.0", {})

    redirected = await facade_client.request(blob, headers=[BEARER])
    await facade_client.request("/v2/team/app/manifests/1.0", headers=[BEARER])
    mixed = f"scope={PULL}&scope=repository:other/app:pull"
    answer = await facade_client.request(f"/token?{mixed}", headers=[CREDENTIALS])

    assert (redirected.status, redirected.headers["location"]) == (307, f"{evil.url}/cdn")
    assert answer.json()["token"].endswith(".alices.token")
    # The facade itself followed nothing and asked nothing there.
    assert evil.requests == []

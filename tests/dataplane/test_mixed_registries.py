"""Registries whose ping asks for nothing, and some repositories for credentials: zot, Nexus, Artifactory (R8.5)."""

from __future__ import annotations

import pytest

from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.upstream import client_pool
from routing.dataplane.upstream.credentials import OPEN_TOKEN
from tests.dataplane.facade_client import DOCKER, HOST, PODMAN, FacadeClient
from tests.registries.faulty_server import FaultyServer
from tests.registries.mixed_registry import MANIFEST, MixedRegistry
from tests.registries.small_registry import BASIC

CREDENTIALS = ("authorization", BASIC)
WRONG = ("authorization", "Basic YWxpY2U6bm8=")


@pytest.fixture(autouse=True)
def mixed(server: FaultyServer) -> MixedRegistry:
    return MixedRegistry(server)


@pytest.fixture(params=["none", "unknown"])
def registry(facade_client: FacadeClient, server: FaultyServer, request: pytest.FixtureRequest) -> RegistryEntry:
    """As a probe of its ping has found it, and as none has yet. Each area is mapped, all but `public` as private."""
    entry = RegistryEntry(server.url, "the registry", auth=request.param)
    facade_client.map(
        {area: (entry, area, 0 if area == "public" else Flag.PRIVATE) for area in ("public", "basic", "bearer", "key")}
    )
    return entry


async def pull(facade_client: FacadeClient, area: str, given: tuple[str, str]) -> tuple[int, bytes]:
    """A pull as skopeo does it: ping, challenge, token, manifest."""
    ping = await facade_client.request("/v2/", headers=[])
    assert ping.status == 401
    answer = await facade_client.request(
        f"/token?service={HOST}&scope=repository:{area}/app:pull", headers=[given] if given else []
    )
    if answer.status != 200:
        return answer.status, answer.body
    manifest = await facade_client.request(
        f"/v2/{area}/app/manifests/1.0", headers=[("authorization", f"Bearer {answer.json()['token']}")]
    )
    return manifest.status, manifest.body


@pytest.mark.usefixtures("registry")
class TestPrivateMappings:
    """Brokered with the challenge of the repository itself, Basic or Bearer."""

    @pytest.mark.parametrize("area", ["basic", "bearer", "key"])
    async def test_right_credentials_pull(self, facade_client: FacadeClient, area: str) -> None:
        assert await pull(facade_client, area, CREDENTIALS) == (200, MANIFEST)
        await client_pool.close()  # As in another worker, which has not asked yet.
        assert await pull(facade_client, area, CREDENTIALS) == (200, MANIFEST)

    @pytest.mark.parametrize("area", ["basic", "bearer"])
    async def test_wrong_and_missing_credentials_do_not(self, facade_client: FacadeClient, area: str) -> None:
        assert (await pull(facade_client, area, WRONG))[0] == 401
        assert (await pull(facade_client, area, ()))[0] == 401  # type: ignore[arg-type]

    @pytest.mark.parametrize("agent", [PODMAN, DOCKER, "containerd/2.1.0"])
    async def test_every_client_is_asked_for_a_token_first(self, facade_client: FacadeClient, agent: str) -> None:
        for path in ("manifests/1.0", "tags/list"):
            answer = await facade_client.request(f"/v2/basic/app/{path}", headers=[], agent=agent)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].endswith('scope="repository:basic/app:pull"')

    async def test_the_challenge_is_asked_for_once(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        for _ in range(3):
            await pull(facade_client, "bearer", CREDENTIALS)
        without = [asked.path for asked in server.requests if "Authorization" not in asked.headers]
        assert without == ["/v2/", "/v2/bearer/app/tags/list?n=1"]
        assert facade_client.server.requests[-2].path.startswith(
            "/token/bearer?service=the%20bearer%20area&scope=repository:bearer/app"
        )

    async def test_what_is_for_everybody_after_all(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        entry = RegistryEntry(server.url, "the registry", auth=Auth.NONE)
        facade_client.map_to(entry, prefix="team", upstream="public", flags=Flag.PRIVATE)
        token = (await facade_client.request("/token?scope=repository:team/app:pull", headers=[CREDENTIALS])).json()[
            "token"
        ]
        assert token == OPEN_TOKEN
        assert (
            await facade_client.request("/v2/team/app/manifests/1.0", headers=[("authorization", f"Bearer {token}")])
        ).body == MANIFEST
        assert "Authorization" not in facade_client.upstream_request.headers

    async def test_a_repository_that_is_not_there_is_said_to_be_so(
        self, facade_client: FacadeClient, server: FaultyServer
    ) -> None:
        server.answers("/v2/basic/none/tags/list", 401, {"WWW-Authenticate": 'Basic realm="x"'})
        server.answers("/v2/basic/none/manifests/1", 404, {}, b"")
        answer = await facade_client.request("/token?scope=repository:basic/none:pull", headers=[CREDENTIALS])
        assert answer.status == 401
        server.on(
            "/v2/basic/none/tags/list",
            lambda exchange: exchange.answer(
                404 if "Authorization" in exchange.request.headers else 401, {"WWW-Authenticate": 'Basic realm="x"'}
            ),
        )
        token = (await facade_client.request("/token?scope=repository:basic/none:pull", headers=[CREDENTIALS])).json()[
            "token"
        ]
        found = await facade_client.request(
            "/v2/basic/none/manifests/1", headers=[("authorization", f"Bearer {token}")]
        )
        assert found.error[:2] == (404, "MANIFEST_UNKNOWN")


class TestChallengesThatAProbeHasFound:
    """They stand in the table: nobody has to be asked, and a login is tried with them."""

    def map(self, facade_client: FacadeClient, server: FaultyServer, area: str, challenge: str) -> None:
        entry = RegistryEntry(server.url, "the registry", auth=Auth.NONE)
        facade_client.map_to(entry, prefix=area, upstream=area, flags=Flag.PRIVATE, challenge=challenge)

    async def test_basic(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        self.map(facade_client, server, "basic", "basic")
        assert await pull(facade_client, "basic", CREDENTIALS) == (200, MANIFEST)
        assert not [asked for asked in server.requests if "Authorization" not in asked.headers]

    async def test_bearer(self, facade_client: FacadeClient, server: FaultyServer) -> None:
        self.map(facade_client, server, "bearer", f"bearer {server.url}/token/bearer the bearer area")
        assert await pull(facade_client, "bearer", CREDENTIALS) == (200, MANIFEST)
        assert server.paths()[0].startswith("/token/bearer?service=the%20bearer%20area")

    @pytest.mark.parametrize(("area", "service"), [("basic", ""), ("bearer", " {url}/token/bearer s")])
    async def test_a_bare_login(
        self, facade_client: FacadeClient, server: FaultyServer, area: str, service: str
    ) -> None:
        self.map(facade_client, server, area, area + service.format(url=server.url))
        assert (await facade_client.request("/token?account=user", headers=[CREDENTIALS])).status == 200
        assert (await facade_client.request("/token?account=user", headers=[WRONG])).status == 401


async def test_a_mapping_that_says_public_names_the_remedy(facade_client: FacadeClient, server: FaultyServer) -> None:
    facade_client.map_to(RegistryEntry(server.url, "the registry", auth=Auth.NONE), prefix="team", upstream="basic")
    status, code, message = (await facade_client.request("/v2/team/app/tags/list")).error
    assert (status, code) == (401, "UNAUTHORIZED")
    assert f"ask the owner of {HOST} to mark the mapping as private" in message

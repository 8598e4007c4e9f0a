"""What a repository's probe finds: it is asked for by a name, and its findings stay with the mapping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from routing.conf import client_limits, guard_policy
from routing.core.table.routing_table import Table
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import RegistryProbe
from routing.registries.probes.repository import RepositoryProbe, probe_challenge, probe_repository
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.probes import probe_mapping
from routing.services.registries.registries import add_registry, update_registry
from tests.api.conftest import api_client_for
from tests.conftest import Person
from tests.registries.faulty_server import FaultyServer
from tests.registries.mixed_registry import MixedRegistry
from tests.registries.small_registry import SmallRegistry

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def test_what_mappings_found_at_a_former_address_of_their_registry_is_forgotten(
    platform: Actor, owner: Person, start_server: Callable[[], FaultyServer], table: Callable[[], Table]
) -> None:
    old, new = start_server(), start_server()
    MixedRegistry(old)
    mapping = add_mapping(platform, "", hostname=HOST, prefix="app", target=f"{old.url}/bearer/app").mapping
    assert probe_mapping(platform, mapping_id=mapping.pk).challenge.startswith(f"bearer {old.url}")

    update_registry(platform, "moved", registry_id=mapping.registry_id, origin=new.url)

    mapping.refresh_from_db()
    assert (mapping.challenge, mapping.public, mapping.blob_delivery) == ("", "unknown", "unknown")
    match = table().match_repository(HOST, "app")
    assert match is not None
    assert (match.registry.origin, match.registry.realm) == (new.url, "")


class TestNames:
    """What is asked for is a repository that the mapping leads to."""

    NOT_NAMES = ("../../any/path?x#", "acme/app/../../..", "acme/app?x=1", "acme//app", "Acme/app", "acme/app:1.0", "")

    @pytest.mark.parametrize("name", [*NOT_NAMES, "acme/" + 255 * "a", "other/app", "acmes/app", "library/app"])
    def test_nothing_else_is_asked_for(
        self, platform: Actor, owner: Person, server: FaultyServer, name: str, table: Callable[[], Table]
    ) -> None:
        SmallRegistry(server)
        mapping = add_mapping(owner.actor, "", hostname=HOST, prefix="x", target=f"{server.url}/acme").mapping

        with pytest.raises(ServiceError) as refusal:
            probe_mapping(owner.actor, mapping_id=mapping.pk, repository=name)
        table()
        answer = api_client_for(owner).send("post", f"mappings/{mapping.pk}/probe", repository=name)

        assert list(refusal.value.fields) == ["repository"]
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["repository"])
        assert server.connections == 0

    @pytest.mark.parametrize(
        ("repository", "reference"), [*((name, None) for name in NOT_NAMES), ("acme/app", "../x"), ("acme/app", "a?b")]
    )
    def test_nor_by_who_asks_the_registry(self, server: FaultyServer, repository: str, reference: str | None) -> None:
        async def ask() -> tuple[RepositoryProbe, RegistryProbe]:
            async with RegistryClient(guard_policy(), client_limits()) as client:
                challenge = await probe_challenge(client, server.url, repository if reference is None else "?")
                return await probe_repository(client, server.url, repository, reference), challenge

        for found in asyncio.run(ask()):
            assert "this is no name" in (found.error or "")
        assert server.connections == 0

    def test_a_repository_below_the_prefix_is(self, platform: Actor, server: FaultyServer) -> None:
        SmallRegistry(server)
        mapping = add_mapping(platform, "", hostname=HOST, prefix="x", target=f"{server.url}/acme").mapping

        found = probe_mapping(platform, mapping_id=mapping.pk, repository="acme/app")

        assert (found.probed_repository, found.public, found.blob_delivery) == ("acme/app", "yes", "inline")


def test_what_one_tenant_finds_at_a_shared_registry_another_is_not_told(
    platform: Actor, owner: Person, outsider: Person, server: FaultyServer, table: Callable[[], Table]
) -> None:
    SmallRegistry(server).redirect_blobs("https://evil.example/x")
    shared = add_registry(platform, "", name="Shared", origin=server.url, tenant_id=None)
    own = add_mapping(owner.actor, "", hostname=HOST, prefix="", target=f"{server.url}/acme").mapping
    theirs = outsider.hostname.name
    other = add_mapping(outsider.actor, "", hostname=theirs, prefix="", target=f"{server.url}/acme").mapping

    found = probe_mapping(owner.actor, mapping_id=own.pk, repository="acme/app")

    assert (found.blob_delivery, found.blob_origins) == ("redirect", "https://evil.example")
    table()
    client = api_client_for(outsider)
    seen = [client.get(path).content.decode() for path in (f"registries/{shared.pk}", f"mappings/{other.pk}")]
    assert [("evil.example" in page, '"redirect"' in page) for page in seen] == [(False, False)] * 2
    other.refresh_from_db()
    assert (other.blob_delivery, other.blob_origins, other.public) == ("unknown", "", "unknown")

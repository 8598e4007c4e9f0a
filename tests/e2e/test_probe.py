"""The probes, against Debian's docker-registry of every kind."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.guard import GuardPolicy
from routing.registries.probes.registry import Auth as FoundAuth
from routing.registries.probes.registry import probe_registry
from routing.registries.probes.repository import Delivery as FoundDelivery
from routing.registries.probes.repository import Readable, probe_repository
from tests.e2e.lab.laboratory import AUTHS, DELIVERIES, OCI, PRIVATE, PUBLIC, TAG, Delivery, Laboratory
from tests.e2e.lab.registry import Auth

LIMITS = ClientLimits(connect_seconds=20, total_seconds=30)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient(GuardPolicy(allow_insecure=True, allow_private=True), LIMITS) as made:
        yield made


@pytest.mark.parametrize("auth", AUTHS)
async def test_what_a_registry_asks_for_is_found(client: RegistryClient, lab: Laboratory, auth: Auth) -> None:
    backing = lab.backing(auth)
    probe = await probe_registry(client, backing.url)
    assert (probe.auth, probe.error) == (FoundAuth(auth), None)
    if auth == "bearer":
        assert (probe.realm, probe.service) == (lab.tokens().realm, backing.registry.service)


@pytest.mark.parametrize("name", [PUBLIC, OCI])
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("auth", ["none", "bearer"])
async def test_how_a_public_repository_delivers_is_found(
    client: RegistryClient, lab: Laboratory, auth: Auth, delivery: Delivery, name: str
) -> None:
    backing = lab.backing(auth, delivery)
    probe = await probe_repository(client, backing.url, name, TAG)
    assert (probe.public, probe.error) == (Readable.YES, None)
    if backing.cdn is None:
        assert (probe.delivery, probe.origins) == (FoundDelivery.INLINE, ())
    else:
        assert (probe.delivery, probe.origins) == (FoundDelivery.REDIRECT, (backing.cdn.url,))


@pytest.mark.parametrize(("auth", "name"), [("bearer", PRIVATE), ("basic", PUBLIC)])
async def test_a_private_repository_is_found_to_be_private(
    client: RegistryClient, lab: Laboratory, auth: Auth, name: str
) -> None:
    probe = await probe_repository(client, lab.backing(auth).url, name, TAG)
    assert probe.public is Readable.NO
    assert probe.error

"""A tenant points a registry at what is inside: the metadata service, loopback by a name that changes, the facade."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from pytest_django import Settings

from routing.conf import guard_policy
from routing.core.table.routing_table import RegistryEntry
from routing.dataplane.serving.middleware import FacadeMiddleware
from routing.dataplane.upstream import client_pool
from routing.models import Mapping, Registry
from routing.registries.client import RegistryClient
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.registries.registries import add_registry
from tests.conftest import Person
from tests.dataplane.conftest import NO_CERTIFICATES
from tests.dataplane.facade_client import BLOB, MANIFEST, FacadeClient
from tests.registries.faulty_server import FaultyServer

NAME = "rebinding.example"
METADATA = [
    "169.254.169.254",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "metadata.google.internal",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
]
LOOPBACK = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "[::]", "[::ffff:127.0.0.1]", "app.localhost"]


@pytest.fixture
def mallory(outsider: Person) -> Person:
    """An owner of globex, with one proper mapping."""
    add_mapping(outsider.actor, "", hostname=outsider.hostname.name, prefix="fine", target="ghcr.io/globex")
    return outsider


@pytest.mark.django_db
@pytest.mark.parametrize("host", [*METADATA, *LOOPBACK, "docker.acme.com", "docker.globex.com", "DOCKER.ACME.COM."])
def test_no_verb_of_a_tenants_leads_inside_or_back_to_the_facade(mallory: Person, owner: Person, host: str) -> None:
    before = list(Registry.objects.values_list("origin", flat=True))
    hostname = mallory.hostname.name

    with pytest.raises(ServiceError):
        add_mapping(mallory.actor, "", hostname=hostname, prefix="new", target=f"https://{host}/x")
    with pytest.raises(ServiceError):
        repoint(mallory.actor, "why", hostname=hostname, prefix="fine", target=f"https://{host}/x")
    try:
        add_registry(mallory.actor, "", tenant_id=mallory.tenant.pk, name="inside", origin=f"https://{host}")
    except ServiceError:
        pass
    else:
        # A registry may be named like a hostname of another tenant's, whom it would else tell of that: no mapping leads
        # there.
        assert host == "docker.acme.com"
        return

    assert list(Registry.objects.values_list("origin", flat=True)) == before
    assert Mapping.objects.get(prefix="fine", hostname=mallory.hostname).registry.origin == "https://ghcr.io"


class Rebinding:
    """A name service whose answer for NAME changes after the first look."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.looked_up: list[str] = []

    async def __call__(self, host: str, share: str) -> Sequence[str]:
        self.looked_up.append(host)
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


@pytest_asyncio.fixture
async def facade_client(
    server: FaultyServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FacadeClient]:
    """Asks the facade as shipped, but for http://, so that the server would be reached if its address were dialled."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = True
    settings.FACADE_CONNECT_SECONDS = 5.0
    monkeypatch.setattr(FacadeMiddleware, "sync_capable", False)
    origin = f"http://{NAME}:{server.port}"
    yield FacadeClient(server, RegistryEntry(origin, "inside", auth="bearer", realm=f"{origin}/realm", service="s"))
    await client_pool.close()


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254"])
@pytest.mark.parametrize("target", [MANIFEST, BLOB, "/token?scope=repository:team/app:pull"])
async def test_a_name_that_changes_its_answer_leads_no_request_inside(
    facade_client: FacadeClient, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, inside: str, target: str
) -> None:
    names = Rebinding("8.8.8.8", inside)
    client = functools.partial(RegistryClient, tls=NO_CERTIFICATES, resolver=names)
    monkeypatch.setattr(client_pool, "RegistryClient", client)
    async with client(guard_policy()) as probing:
        # As a probe does beforehand: then the name is at a public address.
        await probing.check_reachable_address(facade_client.registry.origin)

    answer = await facade_client.request(target)

    assert answer.error[:2] == (502, "UNAVAILABLE")
    assert f"{NAME} is at" in answer.error[2]
    assert names.looked_up == [NAME, NAME]
    assert server.connections == 0

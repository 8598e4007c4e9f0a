"""An operator's account fetches what was public a moment ago, and nothing else, for nobody in particular (R19.12)."""

from __future__ import annotations

import logging

import pytest
from pytest_django import Settings

from routing.core.table.routing_table import Change
from routing.dataplane.live.live_table import live_table
from routing.dataplane.remembered.recall import memory
from tests.dataplane.facade_client import FacadeClient
from tests.dataplane.remembered.conftest import ROBOT, Clock, entry_of
from tests.dataplane.remembered.public_registry import MEMBER, STRANGER, PublicRegistry, manifest
from tests.registries.faulty_server import FaultyServer

APP, OTHER = manifest("app"), manifest("other")


@pytest.fixture
def client(facade_client: FacadeClient, server: PublicRegistry) -> FacadeClient:
    """Callers of a facade that has an account."""
    server.account = ROBOT.basic
    facade_client.map_to(entry_of(server, ROBOT))
    return facade_client


async def status_of(client: FacadeClient, reference: str, name: str = "app", token: tuple[str, str] = STRANGER) -> int:
    return (await client.request(f"/v2/team/{name}/manifests/{reference}", headers=[token])).status


def sent(server: PublicRegistry) -> list[tuple[str, str, str]]:
    """Method, path and whose credentials of each request."""
    found = []
    for request in server.requests:
        authorization = request.headers.get("Authorization", "")
        whose = authorization.removeprefix("Bearer ").partition("/")[0] if authorization else ""
        found.append((request.method, request.path.partition("?")[0].rpartition("/")[2], whose))
    return found


async def test_r19_12_what_an_address_may_have_no_more_is_had_by_account(
    client: FacadeClient, server: PublicRegistry
) -> None:
    server.allowed_gets = 0
    digest = server.repository().put(APP, "1.0")

    assert [await status_of(client, reference) for reference in (digest, "1.0", digest)] == [200] * 3

    assert (server.account_gets, server.gets) == (1, 1)


async def test_r19_12_nobody_in_particular_asks_before_the_account_does(
    client: FacadeClient, server: PublicRegistry
) -> None:
    digest = server.repository().put(APP)

    assert await status_of(client, digest) == 200

    named = sent(server).index(("HEAD", digest, "anonymous"))
    fetched = sent(server).index(("GET", digest, "account"))
    assert named < fetched
    assert ("GET", digest, "anonymous") not in sent(server)


async def test_r19_12_what_only_the_account_may_read_is_fetched_for_nobody(
    client: FacadeClient, server: PublicRegistry
) -> None:
    """Nor does anybody's asking have the account's password sent anywhere."""
    server.repository("acme/secret").public = False
    digest = server.repository("acme/secret").put(APP, "1.0")

    assert [await status_of(client, reference, "secret") for reference in (digest, "1.0")] == [401, 401]

    assert not [request for request in server.requests if ROBOT.basic in request.headers.get("Authorization", "")]
    assert server.account_gets == 0


async def test_r19_12_a_callers_own_pull_is_its_own(client: FacadeClient, server: PublicRegistry) -> None:
    server.repository("acme/secret").public = False
    digest = server.repository("acme/secret").put(APP)

    assert await status_of(client, digest, "secret", MEMBER) == 200

    assert ("GET", digest, MEMBER[1].removeprefix("Bearer ")) in sent(server)
    assert server.account_gets == 0


async def test_r19_12_one_that_was_closed_meanwhile_is_not_given(
    client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest, other = server.repository().put(APP), server.repository().put(OTHER)
    assert await status_of(client, digest) == 200
    server.repository().public = False
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert [await status_of(client, each) for each in (digest, other)] == [401, 401]
    assert server.account_gets == 1


async def test_r19_12_without_it_all_goes_on_as_nobody_at_once(client: FacadeClient, server: PublicRegistry) -> None:
    digest, other = server.repository().put(APP), server.repository().put(OTHER)
    assert await status_of(client, digest) == 200
    assert live_table.table is not None
    without = entry_of(server)._asdict()
    live_table.table = live_table.table.apply([Change(2, "registry", "0", without)])

    assert await status_of(client, other) == 200

    assert server.account_gets == 1
    assert ("GET", other, "anonymous") in sent(server)


async def test_r19_12_one_that_the_registry_refuses_is_no_obstacle_and_rests(
    client: FacadeClient, server: PublicRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.map_to(entry_of(server, ROBOT._replace(password="a former secret")))
    references = [server.repository().put(manifest(str(number))) for number in range(3)]

    assert [await status_of(client, reference) for reference in references] == [200] * 3

    assert "the account at the registry got no manifest" in caplog.text
    assert "a former secret" not in caplog.text
    refused = [request for request in server.requests if request.headers.get("Authorization", "").startswith("Basic ")]
    assert len(refused) == 1


async def test_r19_12_the_password_goes_to_the_realm_that_a_probe_found(
    client: FacadeClient, server: PublicRegistry
) -> None:
    """A registry that names another realm in a challenge gets nobody's password sent there."""
    elsewhere = FaultyServer()
    elsewhere.on("/realm", lambda exchange: exchange.answer(200, {"Content-Type": "application/json"}, b"{}"))
    challenge = f'Bearer realm="{elsewhere.url}/realm",service="s"'
    digest = server.repository().put(APP)
    path = f"/v2/acme/app/manifests/{digest}"
    server.on(path, lambda exchange: exchange.answer(401, {"WWW-Authenticate": challenge}))

    try:
        assert await status_of(client, digest) == 401
        assert not [each for each in elsewhere.requests if each.headers.get("Authorization")]
    finally:
        elsewhere.stop()


async def test_r19_12_the_password_goes_to_the_realm_alone(client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP)

    assert await status_of(client, digest) == 200

    with_it = [each.path for each in server.requests if each.headers.get("Authorization", "") == ROBOT.basic]
    assert with_it
    assert {path.partition("?")[0] for path in with_it} == {"/realm"}


async def test_r19_12_one_for_another_address_does_not_open(client: FacadeClient, server: PublicRegistry) -> None:
    """As where a row was changed behind the facade's back."""
    other = PublicRegistry(now=server.now)
    digest = other.repository().put(APP)
    moved = entry_of(server, ROBOT)._replace(origin=other.url, realm=f"{other.url}/realm")
    client.map_to(moved)
    memory.forget()

    try:
        assert await status_of(client, digest) == 200
        assert not [each for each in other.requests if each.headers.get("Authorization", "").startswith("Basic ")]
    finally:
        other.stop()

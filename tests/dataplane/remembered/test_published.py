"""A mapping that is published gives everybody what its own account may read, and no other mapping does (R21)."""

from __future__ import annotations

import logging

import pytest
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.routing_table import Change, HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.remembered.locations import Locations
from routing.registries.auth.accounts import PullAccount, seal_account
from tests.dataplane.facade_client import FacadeClient, Response
from tests.dataplane.remembered.conftest import ROBOT, Clock, entry_of
from tests.dataplane.remembered.public_registry import MEMBER, STRANGER, PublicRegistry, manifest
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import digest_of

APP, OTHER = manifest("app"), manifest("other")
LAYER = digest_of(b"layer")
HOST, ELSEWHERE = "docker.acme.com", "docker.globex.com"
SECRET = f"{HOST}/open"


def published(server: FaultyServer, account: PullAccount | None = ROBOT, flags: int = 0) -> MappingEntry:
    """A mapping that leads to a private namespace."""
    sealed = seal_account(account, server.url) if account else ""
    return MappingEntry("1", "acme", Flag.ENABLED | Flag.PRIVATE | Flag.PUBLISH | flags, account=sealed)


def serve(registry: RegistryEntry, **mappings: MappingEntry) -> None:
    """A table with these mappings of HOST, by prefix; ELSEWHERE is another tenant's, and has `team`, too."""
    own = MappingEntry("1", "acme", int(Flag.ENABLED))
    entries = {f"{HOST}/{prefix}": entry for prefix, entry in ({"team": own} | mappings).items()}
    live_table.table = Table.build(
        policy(),
        1,
        tenants=[("1", TenantEntry("Acme")), ("2", TenantEntry("Globex"))],
        registries=[("1", registry)],
        hosts=[(HOST, HostEntry("1")), (ELSEWHERE, HostEntry("2"))],
        mappings=[*entries.items(), (f"{ELSEWHERE}/open", own)],
    )


def change(kind: str, key: str, **entry: object) -> None:
    """One entry is another from now on."""
    assert live_table.table is not None
    live_table.table = live_table.table.apply([Change(2, kind, key, entry)])


@pytest.fixture
def client(facade_client: FacadeClient, server: PublicRegistry) -> FacadeClient:
    """Callers of a facade that publishes acme/app, which is private, as docker.acme.com/open/app."""
    server.account = ROBOT.basic
    server.repository().public = False
    facade_client.registry = entry_of(server)
    serve(entry_of(server), open=published(server))
    return facade_client


async def ask(
    client: FacadeClient,
    reference: str,
    prefix: str = "open",
    *,
    host: str = HOST,
    headers: object = (),
    kind: str = "",
) -> Response:
    path = f"/v2/{prefix}/app/{kind or 'manifests'}/{reference}"
    return await client.request(path, host=host, headers=list(headers))  # type: ignore[call-overload]


async def test_r21_1_everybody_gets_it_without_any_token(client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP, "1.0")

    assert (await client.request("/v2/", host=ELSEWHERE)).status in (200, 401)
    for reference in ("1.0", digest):
        response = await ask(client, reference)
        assert (response.status, response.body) == (200, APP)
    assert server.gets == 1


async def test_r21_1_a_hostname_that_only_publishes_asks_for_nothing(
    client: FacadeClient, server: PublicRegistry
) -> None:
    serve(entry_of(server), open=published(server), team=published(server))

    assert (await client.request("/v2/", host=HOST)).status == 200


async def test_r21_2_another_mapping_of_the_same_repository_gives_none_of_it(
    client: FacadeClient, server: PublicRegistry
) -> None:
    """Neither another one of the same hostname, nor another tenant's, though it is all in the memory."""
    digest = server.repository().put(APP, "1.0")
    assert (await ask(client, "1.0")).body == APP
    assert (await ask(client, LAYER, kind="blobs")).status == 307

    for host, prefix in ((HOST, "team"), (ELSEWHERE, "open")):
        for reference in ("1.0", digest):
            response = await ask(client, reference, prefix, host=host, headers=[STRANGER])
            assert response.status == 401
            assert APP not in response.body
        assert (await ask(client, LAYER, prefix, host=host, headers=[STRANGER], kind="blobs")).status == 401


async def test_r21_2_nor_does_another_that_is_published_with_another_account(
    client: FacadeClient, server: PublicRegistry
) -> None:
    stranger = PullAccount("stranger", "another secret")
    serve(entry_of(server), open=published(server), shut=published(server, stranger))
    digest = server.repository().put(APP, "1.0")
    assert (await ask(client, "1.0")).body == APP

    for reference in ("1.0", digest):
        response = await ask(client, reference, "shut")
        assert response.status == 403
        assert b"gives nothing to the account" in response.body


async def test_r21_2_nor_is_the_registrys_account_used(client: FacadeClient, server: PublicRegistry) -> None:
    serve(entry_of(server, ROBOT), open=published(server, None))
    server.repository().put(APP, "1.0")

    response = await ask(client, "1.0")

    assert response.status == 503
    assert b"publish it anew" in response.body
    assert server.requests == []


async def test_r21_3_what_a_caller_brings_goes_nowhere(client: FacadeClient, server: PublicRegistry) -> None:
    server.repository().put(APP, "1.0")

    for token in (MEMBER, STRANGER, ("authorization", "Basic Ym9iOmh1bnRlcjI=")):
        assert (await ask(client, "1.0", headers=[token])).body == APP

    sent = {request.headers.get("Authorization", "") for request in server.requests}
    assert not [each for each in sent if "member" in each or "nobodys" in each or "Ym9i" in each]


async def test_r21_4_it_ends_at_once(client: FacadeClient, server: PublicRegistry) -> None:
    digest = server.repository().put(APP, "1.0")
    assert (await ask(client, digest)).body == APP
    own = MappingEntry("1", "acme", Flag.ENABLED | Flag.PRIVATE)._asdict()
    before = live_table.table

    change("mapping", SECRET, **own)
    assert (await ask(client, digest, headers=[STRANGER])).status == 401

    live_table.table = before
    change("tenant", "1", name="Acme", refusal="suspended")
    assert (await ask(client, digest)).status == 403

    live_table.table = before
    change("mapping", SECRET, **(published(server, PullAccount("robot", "no more"))._asdict()))
    assert (await ask(client, digest)).status == 403

    live_table.table = before
    off = published(server)
    change("mapping", SECRET, **off._replace(flags=off.flags & ~Flag.ENABLED)._asdict())
    assert (await ask(client, digest)).status == 403


async def test_r21_4_what_the_account_may_not_read_any_more_ends_too(
    client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP, "1.0")
    assert (await ask(client, digest)).body == APP
    server.account = ""
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    assert (await ask(client, digest)).status == 403


async def test_r21_5_a_signed_location_is_handed_on(client: FacadeClient, server: PublicRegistry) -> None:
    response = await ask(client, LAYER, kind="blobs")

    assert response.status == 307
    assert response.headers["location"].startswith("https://storage.example/")
    assert "account" not in response.headers["location"]


async def test_r21_5_a_location_that_quotes_the_accounts_token_is_not(
    client: FacadeClient, server: PublicRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the caller's own way, and by the memory's."""

    def echo(exchange: object) -> None:
        token = exchange.request.headers.get("Authorization", "").removeprefix("Bearer ")  # type: ignore[attr-defined]
        if not token:
            exchange.answer(401)  # type: ignore[attr-defined]
            return
        where = f"https://storage.example/?token={token}"
        exchange.answer(307, {"Location": where})  # type: ignore[attr-defined]

    server.on(f"/v2/acme/app/blobs/{LAYER}", echo)
    for is_public in (False, True):
        monkeypatch.setattr(Locations, "_may_ask", lambda *_, said=is_public: said)
        response = await ask(client, LAYER, kind="blobs")

        assert (response.status, "location" in response.headers) == (502, False)
        assert b"account/acme" not in response.body


@pytest.mark.parametrize("agent", ["docker/24.0.7", "containerd/2.1.0", "skopeo/1.9.3", "podman/4.3.1"])
async def test_r21_5_layers_of_the_registrys_own_are_never_a_redirect(
    client: FacadeClient, server: PublicRegistry, agent: str
) -> None:
    server.storage = ""
    path = f"/v2/open/app/blobs/{LAYER}"

    refused = await client.request(path, host=HOST, agent=agent)
    assert (refused.status, "location" in refused.headers) == (403, False)
    assert b"streaming enabled" in refused.body

    serve(entry_of(server)._replace(stream_blobs=True), open=published(server))
    streamed = await client.request(path, host=HOST, agent=agent)
    assert (streamed.status, streamed.body) == (200, b"layer")
    assert "location" not in streamed.headers


async def test_r21_6_failures_of_an_account_are_its_own(client: FacadeClient, server: PublicRegistry) -> None:
    """A tenant whose account is used up slows nobody else down."""
    public = server.repository("acme/public")
    digest = public.put(APP)
    server.on("/realm", lambda exchange: exchange.answer(429))
    assert (await ask(client, "1.0")).status in (502, 503)
    server.on("/realm", server._realm)

    path = f"/v2/team/public/manifests/{digest}"
    assert (await client.request(path, host=HOST, headers=[STRANGER])).body == APP


async def test_r21_6_an_outage_is_bridged_as_for_everybody(
    client: FacadeClient, server: PublicRegistry, clock: Clock, settings: Settings
) -> None:
    digest = server.repository().put(APP, "1.0")
    assert (await ask(client, "1.0")).body == APP
    server.broken = 503
    clock.skip(settings.FACADE_PUBLIC_SECONDS + 1)

    for reference in ("1.0", digest):
        response = await ask(client, reference)
        assert (response.status, response.headers.get("warning", "")[:3]) == (200, "110")


async def test_r21_7_no_secret_is_logged(
    client: FacadeClient, server: PublicRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.repository().put(APP, "1.0")
    assert (await ask(client, "1.0")).body == APP
    serve(entry_of(server), open=published(server, ROBOT._replace(password="a wrong secret")))
    assert (await ask(client, "1.0")).status == 403

    for secret in (ROBOT.password, ROBOT.basic.removeprefix("Basic "), "a wrong secret"):
        assert secret not in caplog.text


async def test_r21_8_a_registry_that_asks_for_basic_gets_the_password(
    client: FacadeClient, server: PublicRegistry, settings: Settings
) -> None:
    basic = FaultyServer()
    body_digest = digest_of(APP)

    def answer(exchange: object) -> None:
        if exchange.request.headers.get("Authorization") != ROBOT.basic:  # type: ignore[attr-defined]
            exchange.answer(401, {"WWW-Authenticate": 'Basic realm="r"'})  # type: ignore[attr-defined]
            return
        told = {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": body_digest}
        exchange.answer(200, told, APP)  # type: ignore[attr-defined]

    basic.on("/v2/acme/app/manifests/1.0", answer)
    basic.on(f"/v2/acme/app/manifests/{body_digest}", answer)
    serve(RegistryEntry(basic.url, "basic", auth="basic"), open=published(basic))

    try:
        assert (await ask(client, "1.0")).body == APP
    finally:
        basic.stop()


@pytest.mark.parametrize("store_bytes", [0, 16 * 1024**2])
async def test_r21_1_with_the_memory_and_without(
    client: FacadeClient, server: PublicRegistry, settings: Settings, store_bytes: int
) -> None:
    settings.FACADE_MANIFEST_STORE_BYTES = store_bytes
    digest = server.repository().put(APP, "1.0")

    for reference in ("1.0", digest):
        assert (await ask(client, reference)).body == APP
    assert (await ask(client, LAYER, kind="blobs")).status == 307
    assert (await ask(client, "9.9")).status == 404

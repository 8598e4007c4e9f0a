from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routing.dns.addresses import NoAddress
from routing.registries.client import ClientLimits, RegistryClient
from routing.registries.guard import GuardPolicy
from routing.registries.probes.registry import Auth, RegistryProbe, probe_registry
from tests.registries.certificates import Authority
from tests.registries.conftest import ANYTHING, PATIENT
from tests.registries.faulty_server import Behaviour, Exchange, FaultyServer
from tests.registries.small_registry import SmallRegistry


async def test_a_registry_that_asks_for_nothing(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server)
    before = datetime.now(UTC)
    probe = await probe_registry(client, server.url + "/")
    assert (probe.auth, probe.realm, probe.service, probe.error) == (Auth.NONE, None, None, None)
    assert before <= probe.at <= datetime.now(UTC)
    assert 0 < probe.seconds < 30
    assert "Authorization" not in server.requests[0].headers


async def test_a_registry_that_asks_for_a_password(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="basic")
    assert (await probe_registry(client, server.url)).auth is Auth.BASIC


async def test_a_registry_that_asks_for_a_token(client: RegistryClient, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    probe = await probe_registry(client, server.url)
    assert probe.auth is Auth.BEARER
    assert (probe.realm, probe.service, probe.error) == (server.url + "/token", "the registry", None)


async def test_where_both_are_offered_it_is_a_token(client: RegistryClient, server: FaultyServer) -> None:
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Basic realm="x", bearer Realm="{server.url}/t",service="s"'})
    probe = await probe_registry(client, server.url)
    assert (probe.auth, probe.realm, probe.service) == (Auth.BEARER, server.url + "/t", "s")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (500, {}, "status 500 (an error of its own)"),
        (429, {"Retry-After": "60"}, "status 429 (too many requests"),
        (404, {}, "status 404"),
        (403, {}, "status 403"),
        (301, {"Location": "http://169.254.169.254/v2/"}, "status 301 (a redirect, which is not followed)"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "a web page"),
        (401, {}, "without saying which"),
        (401, {"WWW-Authenticate": 'Negotiate, Digest realm="x"'}, "without saying which"),
    ],
)
async def test_what_is_no_registrys_answer_leaves_it_unknown(
    client: RegistryClient, server: FaultyServer, status: int, headers: dict[str, str], words: str
) -> None:
    server.answers("/v2/", status, headers, b"<html>")
    probe = await probe_registry(client, server.url)
    assert probe.auth is Auth.UNKNOWN
    assert words in str(probe.error)


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "metadata address, which is never allowed"),
        ("http://[fd00:ec2::254]/token", "metadata address, which is never allowed"),
        ("https://user:s3cret@realm.test/token", "user name or password"),
        ("file:///etc/passwd", "not an absolute http or https URL"),
        ("/token", "not an absolute http or https URL"),
        ("", "without naming a realm"),
    ],
)
async def test_a_realm_that_cannot_be_used_is_said_to_be_so(
    client: RegistryClient, server: FaultyServer, realm: str, words: str
) -> None:
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
    probe = await probe_registry(client, server.url)
    assert probe.auth is Auth.BEARER
    assert words in str(probe.error)
    assert "s3cret" not in str(probe.error)


class OneHost(GuardPolicy):
    """Stands for a registry at a public address, which no test can have: 127.0.0.1 is let through, and it alone."""

    def refusal(self, address: str) -> str | None:
        return None if address == "127.0.0.1" else super().refusal(address)


@pytest.mark.parametrize("host", ["127.0.0.2", "inside.test", "[::1]"])
async def test_a_realm_inside_is_refused_to_a_registry_outside(server: FaultyServer, host: str) -> None:
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Bearer realm="http://{host}:{server.port}/token",service="s"'})

    async def resolve(name: str, share: str) -> Sequence[str]:
        return ["127.0.0.2"]

    async with RegistryClient(OneHost(allow_insecure=True), PATIENT, resolver=resolve) as client:
        probe = await probe_registry(client, server.url)
    assert probe.auth is Auth.BEARER
    assert "a loopback address; this facade allows public addresses only" in str(probe.error)
    assert len(server.requests) == 1


async def at_loopback(host: str, share: str) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("realm", "found", "error"),
    [
        ("http://auth.example:8080/token", "http://auth.example:8080/token", "auth.example:8080 is not https"),
        # As registries say that don't know of the proxy before them; clients are redirected from there.
        ("http://auth.example/token?a=b", "https://auth.example/token?a=b", "None"),
        ("HTTP://auth.example:80/", "https://auth.example/", "None"),
    ],
)
async def test_a_realm_without_tls_where_http_is_not_allowed(
    start_server: Callable[..., FaultyServer], tmp_path: Path, realm: str, found: str, error: str
) -> None:
    authority = Authority(tmp_path)
    server = start_server(tls=authority.server_context("registry.test"))
    server.answers("/v2/", 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
    async with RegistryClient(
        GuardPolicy(allow_private=True),
        PATIENT,
        resolver=at_loopback,
        tls=authority.client_context(),
    ) as client:
        probe = await probe_registry(client, f"https://registry.test:{server.port}")
    assert (probe.auth, probe.realm) == (Auth.BEARER, found)
    assert error in str(probe.error)


@pytest.mark.parametrize("behaviour", [Exchange.hang, Exchange.reset])
async def test_a_registry_that_does_not_answer_is_unreachable(server: FaultyServer, behaviour: Behaviour) -> None:
    server.on("/v2/", behaviour)
    async with RegistryClient(ANYTHING, ClientLimits(connect_seconds=20, total_seconds=0.5)) as client:
        probe = await probe_registry(client, server.url)
    assert probe.auth is Auth.UNREACHABLE
    assert f"127.0.0.1:{server.port}" in str(probe.error)


async def test_a_registry_that_is_not_there_is_unreachable() -> None:
    async def resolve(name: str, share: str) -> Sequence[str]:
        raise NoAddress("there is no such name, or it has no address")

    async with RegistryClient(ANYTHING, PATIENT, resolver=resolve) as client:
        for base_url in ("http://127.0.0.1:1", "https://nowhere.test"):
            assert (await probe_registry(client, base_url)).auth is Auth.UNREACHABLE


@pytest.mark.parametrize("base_url", ["", "nonsense", "ftp://x", "http://169.254.169.254", "http://u:p@h"])
async def test_what_must_not_be_asked_is_not_asked(client: RegistryClient, base_url: str) -> None:
    probe = await probe_registry(client, base_url)
    assert probe.auth is Auth.UNKNOWN
    assert isinstance(probe, RegistryProbe)
    assert probe.error

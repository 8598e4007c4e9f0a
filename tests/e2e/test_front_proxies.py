"""The proxies of docs/how-to/proxies.md, as they stand there: pulls, long tokens, and who the client is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.front_proxies import CLIENT, FRONTS, HOST, Front
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory
from tests.e2e.lab.process import wait_until
from tests.registries.faulty_server import FaultyServer

BLOB = f"/v2/signed/app/blobs/sha256:{'ab' * 32}"
LOCATION = "https://storage.example/layer?X-Signature=" + "0a" * 3072
TOKEN = "Bearer " + "t" * 12_288
LIE = "203.0.113.9"


@pytest.fixture(scope="module")
def registry() -> Iterator[FaultyServer]:
    """A Bearer registry that hands out layers by a long address."""
    server = FaultyServer()
    challenge = f'Bearer realm="{server.url}/realm",service="s"'
    server.answers("/v2/", 401, {"WWW-Authenticate": challenge})
    server.answers_json("/realm", {"token": TOKEN.removeprefix("Bearer ")})
    server.answers(BLOB, 307, {"Location": LOCATION})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def public_port() -> int:
    """Where clients come to: the facade knows it, as it does in production."""
    return free_port(ADDRESS)


@pytest.fixture(scope="module")
def facade(lab: Laboratory, registry: FaultyServer, public_port: int) -> Iterator[Facade]:
    backing = lab.backing("bearer", "redirected")
    with Facade(
        workers=1,
        FACADE_ACCESS_LOG="true",
        FACADE_LOG_FORMAT="json",
        FACADE_PROBE_ON_SAVE="false",
        FACADE_TRUSTED_PROXIES=ADDRESS,
        FACADE_PUBLIC_PORT=str(public_port),
    ) as started:
        started.manage("add_mapping", HOST, "signed", f"{registry.url}/signed", "--private")
        started.manage("add_mapping", HOST, "open", "https://ghcr.io/open", "--redirect-only")
        # Real clients know no other name of this machine.
        started.manage("add_mapping", "localhost", "acme", f"{backing.url}/acme")
        started.wait_for("/v2/signed/app/tags/list", 401, host=HOST)
        started.wait_for(f"/v2/{PUBLIC}/tags/list", 401, host="localhost")
        yield started


@pytest.fixture(scope="module", params=FRONTS, ids=lambda front: front.__name__)
def front(request: pytest.FixtureRequest, facade: Facade, public_port: int) -> Iterator[Front]:
    with request.param(facade.port, public_port) as running:
        yield running


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_a_pull_by_https(lab: Laboratory, front: Front, client: str) -> None:
    image = lab.backing("bearer", "redirected").images[PUBLIC]

    lab.client(client).pull(f"localhost:{front.port}/{PUBLIC}:{TAG}").verified(image)


def test_a_layers_signed_address_and_a_long_token_get_through(front: Front, registry: FaultyServer) -> None:
    given = front.get(f"/token?scope=repository:signed/app:pull&service={HOST}")
    assert given.status == 200

    answer = front.get(BLOB, Authorization=TOKEN)

    assert (answer.status, answer.headers["Location"]) == (307, LOCATION)
    assert len(LOCATION) > 6 * 1024
    assert registry.requests[-1].headers["Authorization"] == TOKEN


def test_a_long_address_of_the_fast_lane_gets_through(front: Front) -> None:
    query = "n=" + "9" * 6144

    answer = front.get(f"/v2/open/app/manifests/1.0?{query}")

    assert (answer.status, answer.headers["Location"]) == (307, f"https://ghcr.io/v2/open/app/manifests/1.0?{query}")


def test_the_challenge_names_the_address_that_the_client_used(front: Front) -> None:
    answer = front.get("/v2/")

    assert answer.status == 401
    assert f'realm="https://{HOST}:{front.port}/token"' in answer.headers["WWW-Authenticate"]


def test_nothing_that_a_client_says_of_itself_is_believed(front: Front, facade: Facade) -> None:
    target = f"/v2/open/app/manifests/{type(front).__name__}"
    lies = {"X-Forwarded-For": LIE, "Forwarded": f"for={LIE};host=evil.example;proto=http"}

    assert front.get(target, **lies).status == 307

    def clients() -> list[str]:
        told = [json.loads(line) for line in facade.log().splitlines() if line.startswith("{")]
        return [line["client"] for line in told if line.get("target") == target]

    wait_until(lambda: bool(clients()), f"the log has {target}")
    assert clients() == [CLIENT]


def test_whoever_asks_by_the_old_way_is_told_the_scheme_and_host_of_the_proxy(front: Front) -> None:
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}

    answer = front.get("/v2/", **lies)

    assert f'realm="https://{HOST}:{front.port}/token"' in answer.headers["WWW-Authenticate"]

"""nginx as docs/how-to/going-live.md has it carries what real registries' tokens and signed addresses need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.nginx import HOST, Nginx
from tests.registries.faulty_server import FaultyServer

BLOB = f"/v2/acme/app/blobs/sha256:{'ab' * 32}"
LOCATION = "https://storage.example/layer?X-Signature=" + "0a" * 3072
TOKEN = "Bearer " + "t" * 12_288


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
def nginx(registry: FaultyServer) -> Iterator[Nginx]:
    with Facade(workers=1, FACADE_TRUSTED_PROXIES=ADDRESS) as facade:
        facade.manage("add_mapping", HOST, "acme", f"{registry.url}/acme", "--private")
        facade.manage("add_mapping", HOST, "open", "https://ghcr.io/open", "--redirect-only")
        facade.wait_for("/v2/acme/app/tags/list", 401, host=HOST)
        running = Nginx(facade.port)
        yield running
        running.stop()


def test_a_layers_signed_address_and_a_long_token_get_through(nginx: Nginx, registry: FaultyServer) -> None:
    given = nginx.get(f"/token?scope=repository:acme/app:pull&service={HOST}")
    assert given.status == 200

    answer = nginx.get(BLOB, Authorization=TOKEN)

    assert (answer.status, answer.headers["Location"]) == (307, LOCATION)
    assert len(LOCATION) > 6 * 1024
    assert registry.requests[-1].headers["Authorization"] == TOKEN


def test_a_long_address_of_the_fast_lane_gets_through(nginx: Nginx) -> None:
    query = "n=" + "9" * 6144

    answer = nginx.get(f"/v2/open/app/manifests/1.0?{query}")

    assert (answer.status, answer.headers["Location"]) == (307, f"https://ghcr.io/v2/open/app/manifests/1.0?{query}")


def test_the_challenge_names_the_address_that_the_client_used(nginx: Nginx) -> None:
    answer = nginx.get("/v2/")

    assert answer.status == 401
    assert f'realm="https://{HOST}:{nginx.port}/token"' in answer.headers["WWW-Authenticate"]

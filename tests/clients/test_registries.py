"""The registries by themselves, without a facade: what fails through it must work straight."""

import http.client
import re
from collections.abc import Mapping

import pytest

from tests.clients.programs.oras import OrasCommand
from tests.clients.registries.known import Ecr
from tests.clients.registries.world import World
from tests.clients.roster import Roster
from tests.clients.tables import ROWS

REGISTRIES = sorted({row.registry for row in ROWS if "streaming" not in row.registry})
NAMINGS = ("same", "private")
CELLS = [
    pytest.param(registry, naming, id=re.sub(r"[^a-z0-9.]+", "-", f"{registry} {naming}".lower()))
    for registry in REGISTRIES
    for naming in NAMINGS
]


# oras asks whatever answers a request, and so gets along with registries whose /v2/ asks for nothing.
@pytest.mark.parametrize(("registry", "naming"), CELLS)
def test_registry_pulled_from_straight_serves_the_image(
    world: World, roster: Roster, registry: str, naming: str
) -> None:
    source, oras = world.source(registry), roster.start("oras 1.2")
    assert isinstance(oras, OrasCommand)
    reference = f"{source.url.partition('://')[2]}/{source.name(naming)}:1.0"
    oras.pull(reference, source.account_for(naming)).verified(source.image(naming))


@pytest.mark.parametrize("registry", [name for name in REGISTRIES if name.startswith("mixed")])
def test_mixed_registry_asks_for_credentials_only_where_the_image_is_private(world: World, registry: str) -> None:
    source = world.source(registry)
    scheme = "Bearer" if "Bearer" in registry else "Basic"

    assert _get(source.url, "/v2/")[0] == 200
    assert _get(source.url, f"/v2/{source.public}/manifests/1.0")[0] == 200
    status, headers = _get(source.url, f"/v2/{source.private}/manifests/1.0")
    assert (status, headers["www-authenticate"].partition(" ")[0]) == (401, scheme)


def test_kubernetes_registry_redirects_all_but_its_ping_to_other_origins(world: World) -> None:
    source = world.source("registry.k8s.io")
    image = source.image("same")

    assert _get(source.url, "/v2/")[0] == 200
    for endpoint in ("manifests/1.0", "tags/list", f"referrers/{image.digest}", f"blobs/{image.host.config_digest}"):
        status, headers = _get(source.url, f"/v2/{source.public}/{endpoint}")
        assert status == 307
        assert not headers["location"].startswith(source.url)


def test_ecr_password_is_longer_than_four_kibibytes() -> None:
    assert len(Ecr.ACCOUNT.password) > 4096


def _get(url: str, path: str) -> tuple[int, Mapping[str, str]]:
    connection = http.client.HTTPConnection(url.partition("://")[2], timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()

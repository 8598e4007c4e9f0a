"""One container, two variables: it does for everybody who pulls what the plain Caddy container did, or better."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.lab.laboratory import PRIVATE, PUBLIC, TAG, Backing, Laboratory
from tests.e2e.plain_container import CaddyRecipe, PlainContainer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "plain-container.md"
ORGANISATION = "acme"
MANIFEST = f"GET /v2/{PUBLIC}/manifests/{TAG}"
# Nobody told the container of it.
HOST = "any.name.example"
DOCKER, PODMAN = "docker/27.0.1", "containers/5.34.1 (github.com/containers/image)"


@pytest.fixture(scope="module")
def backing(lab: Laboratory) -> Backing:
    """A registry like Docker Hub: tokens for everybody, and layers by redirect."""
    return lab.backing("bearer", "redirected")


def variables(backing: Backing, **more: str) -> dict[str, str]:
    return {"REGISTRY_HOST": backing.url, "REGISTRY_ORG": ORGANISATION, **more}


@pytest.fixture(scope="module")
def container(backing: Backing) -> Iterator[PlainContainer]:
    with PlainContainer(**variables(backing)) as started:
        started_and_probed(started)
        yield started


@pytest.fixture(scope="module")
def recipe(backing: Backing) -> Iterator[CaddyRecipe]:
    with CaddyRecipe(backing.url, ORGANISATION) as started:
        yield started


def started_and_probed(container: PlainContainer) -> None:
    assert container.ask(MANIFEST, HOST, **{"User-Agent": DOCKER})[0] == 307


def rows() -> list[tuple[str, ...]]:
    """The rows of the page's table: request, and what it gets before and now."""
    table = PAGE.read_text().partition("<!-- requests: begin -->")[2].partition("<!-- requests: end -->")[0]
    return [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in table.strip().splitlines()[2:]]


def first_status(cell: str) -> int:
    found = re.search(r"\b[1-5]\d\d\b", cell)
    assert found is not None, cell
    return int(found[0])


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_request_of_the_recipe_gets_what_the_page_says(
    container: PlainContainer, recipe: CaddyRecipe, backing: Backing, row: tuple[str, ...]
) -> None:
    request, before, followers, others = row
    layer = backing.images[PUBLIC].host.layer_digests[0]
    asked = request.strip("`").replace("DIGEST", layer)

    status, fields, _ = recipe.ask(asked, HOST, **{"User-Agent": DOCKER})
    assert status == first_status(before)
    now = container.ask(asked, HOST, **{"User-Agent": DOCKER})
    assert now[0] == first_status(followers)
    if now[0] == status == 307:
        assert now[1]["location"] == fields["location"]
    status, fields, _ = container.ask(asked, HOST, **{"User-Agent": PODMAN})
    assert status == first_status(others)
    if then := re.search(r"401, then (\d+)", others):
        assert with_token(container, asked, fields["www-authenticate"]) == int(then[1])


def with_token(container: PlainContainer, asked: str, challenge: str) -> int:
    """What a client gets that answers the challenge, as podman does."""
    realm, service, scope = (
        re.search(rf'{name}="([^"]*)"', challenge)[1]  # type: ignore[index]
        for name in ("realm", "service", "scope")
    )
    assert urlsplit(realm).netloc == HOST
    status, _, body = container.ask(f"GET /token?service={service}&scope={scope}", HOST, **{"User-Agent": PODMAN})
    assert status == 200
    bearer = {"Authorization": f"Bearer {json.loads(body)['token']}", "Accept": "*/*", "User-Agent": PODMAN}
    return container.ask(asked, HOST, **bearer)[0]


@pytest.mark.parametrize("client", ["docker", "containerd", "podman", "skopeo"])
def test_clients_pull_without_anybody_having_said_a_name(
    lab: Laboratory, container: PlainContainer, backing: Backing, client: str
) -> None:
    pulled = lab.client(client).pull(f"{container.netloc}/{PUBLIC}:{TAG}")

    pulled.verified(backing.images[PUBLIC])


def test_podman_pulls_where_the_recipe_failed(lab: Laboratory, recipe: CaddyRecipe) -> None:
    assert not lab.client("podman").pull(f"{recipe.netloc}/{PUBLIC}:{TAG}").ok


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_private_images_are_pulled_after_a_login(
    lab: Laboratory, container: PlainContainer, backing: Backing, client: str
) -> None:
    pulled = lab.client(client).pull(f"{container.netloc}/{PRIVATE}:{TAG}", backing.account_for(PRIVATE))

    pulled.verified(backing.images[PRIVATE])


def test_the_admin_is_on_loopback_names_alone_and_the_log_says_so(container: PlainContainer) -> None:
    assert container.ask("GET /admin/", "localhost")[0] == 302
    assert container.ask("GET /admin/", HOST)[0] == 404
    log = container.log()
    assert "on every name that leads here." in log
    assert "The admin answers on localhost, 127.0.0.1, [::1] and nowhere else." in log
    assert re.search(r"The first administrator:  name admin  password \S+", log)


def test_without_a_volume_a_restart_serves_the_same(backing: Backing, lab: Laboratory) -> None:
    given = variables(backing)
    with PlainContainer(**given) as container:
        first = container.log()
        container.restart(volume=False, **given)

        lab.client("skopeo").pull(f"{container.netloc}/{PUBLIC}:{TAG}").verified(backing.images[PUBLIC])
        assert password_in(first) != password_in(container.log())


def password_in(log: str) -> str:
    found = re.search(r"name admin  password (\S+)", log)
    assert found is not None
    return found[1]


def test_with_a_volume_other_variables_are_taken_over(backing: Backing, lab: Laboratory) -> None:
    other = lab.backing("none", "redirected")
    with PlainContainer(**variables(backing)) as container:
        container.restart(volume=True, **variables(other))
        _, fields, _ = container.ask(MANIFEST, HOST, **{"User-Agent": DOCKER})
        assert fields["location"] == f"{other.url}/v2/{PUBLIC}/manifests/{TAG}"

        container.restart(volume=True, **variables(other, FACADE_HOSTNAME="docker.acme.test"))
        assert container.ask(MANIFEST, "docker.acme.test", **{"User-Agent": DOCKER})[0] == 307
        assert container.ask(MANIFEST, HOST, **{"User-Agent": DOCKER})[0] == 404
        assert container.ask(MANIFEST, "localhost", **{"User-Agent": DOCKER})[0] == 404


def test_a_platforms_proxies_say_how_clients_came(backing: Backing) -> None:
    with PlainContainer(**variables(backing, FACADE_TRUSTED_PROXIES="private")) as container:
        forwarded = {"X-Forwarded-Proto": "https", "User-Agent": PODMAN}
        _, fields, _ = container.ask(MANIFEST, HOST, **forwarded)

        assert f'realm="https://{HOST}/token"' in fields["www-authenticate"]
        assert "Every private address is taken for a proxy" in container.log()


def test_what_can_not_be_served_is_told_and_the_admin_is_there_to_mend_it() -> None:
    given = {"REGISTRY_HOST": "10.0.0.1:5000", "REGISTRY_ORG": "acme", "FACADE_ALLOW_PRIVATE_REGISTRIES": "false"}
    with PlainContainer(**given) as container:
        assert "What REGISTRY_HOST and REGISTRY_ORG name is not served: 10.0.0.1 is a private" in container.log()
        assert container.ask("GET /admin/", "localhost")[0] == 302
        assert container.ask(MANIFEST, HOST)[0] == 404

"""The laboratory's clients: each pulls from every kind of registry, with no facade between them."""

import dataclasses
import re

import pytest

from tests.e2e.lab import addresses, images
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import (
    ARTIFACT,
    AUTHS,
    CLIENTS,
    DELIVERIES,
    OCI,
    PRIVATE,
    PRIVATE_ARTIFACT,
    PUBLIC,
    TAG,
    Delivery,
    Laboratory,
)
from tests.e2e.lab.meter import Meter
from tests.e2e.lab.oras_client import Oras
from tests.e2e.lab.origin import Answer, Origin, Request
from tests.e2e.lab.process import LabError
from tests.e2e.lab.registry import Auth

REFUSED = re.compile(r"(?i)denied|unauthorized|invalid username/password|no basic auth credentials")
MISTAKEN = dataclasses.replace(ALICE, password="mistaken")


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", CLIENTS)
def test_client_pulls_from_every_kind_of_registry(lab: Laboratory, client: str, auth: Auth, delivery: Delivery) -> None:
    backing = lab.backing(auth, delivery)
    pull = lab.client(client).pull(f"{backing.netloc}/{PUBLIC}:{TAG}", backing.account_for(PUBLIC))
    pull.verified(backing.images[PUBLIC])


@pytest.mark.parametrize("client", CLIENTS)
def test_client_pulls_an_oci_index(lab: Laboratory, client: str) -> None:
    backing = lab.backing("none")
    lab.client(client).pull(f"{backing.netloc}/{OCI}:{TAG}").verified(backing.images[OCI])


@pytest.mark.parametrize("client", CLIENTS)
def test_client_pulls_by_digest(lab: Laboratory, client: str) -> None:
    backing = lab.backing("none")
    image = backing.images[PUBLIC]
    lab.client(client).pull(f"{backing.netloc}/{PUBLIC}@{image.digest}").verified(image)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("client", CLIENTS)
def test_client_pulls_a_private_image_with_credentials(lab: Laboratory, client: str, delivery: Delivery) -> None:
    backing = lab.backing("bearer", delivery)
    lab.client(client).pull(f"{backing.netloc}/{PRIVATE}:{TAG}", ALICE).verified(backing.images[PRIVATE])


@pytest.mark.parametrize("auth", ["bearer", "basic"])
@pytest.mark.parametrize("client", CLIENTS)
def test_client_is_refused_without_credentials_and_with_wrong_ones(lab: Laboratory, client: str, auth: Auth) -> None:
    backing = lab.backing(auth)
    for account in (None, MISTAKEN):
        pull = lab.client(client).pull(f"{backing.netloc}/{PRIVATE}:{TAG}", account)
        assert not pull.ok, pull.output
        assert REFUSED.search(pull.output), pull.output


@pytest.mark.parametrize("client", CLIENTS)
def test_every_pull_fetches_every_layer_again(lab: Laboratory, client: str) -> None:
    backing = lab.backing("none", "redirected")
    image = backing.images[PUBLIC]
    for _ in range(2):
        backing.cdn_log.clear()
        lab.client(client).pull(f"{backing.netloc}/{PUBLIC}:{TAG}").verified(image)
        fetched = {
            digest: sum(e.body_bytes for e in backing.cdn_log.matching("GET", digest.removeprefix("sha256:")))
            for digest in image.host.layer_digests
        }
        assert fetched == {digest: len(image.blobs[digest]) for digest in image.host.layer_digests}


@pytest.mark.parametrize("client", CLIENTS)
def test_other_content_under_the_same_name_is_told_apart(lab: Laboratory, client: str) -> None:
    backing = lab.backing("none")
    pull = lab.client(client).pull(f"{backing.netloc}/{PUBLIC}:{TAG}")
    with pytest.raises(LabError, match="not one of"):
        pull.verified(images.build("something else"))


@pytest.mark.parametrize("client", [*CLIENTS, "oras"])
def test_a_missing_image_is_a_failed_pull_with_its_reason(lab: Laboratory, client: str) -> None:
    pull = lab.client(client).pull(f"{lab.backing('none').netloc}/acme/missing:{TAG}")
    assert not pull.ok
    with pytest.raises(LabError, match=r"(?i)manifest unknown|not found|404"):
        pull.verified(images.build("missing"))


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("auth", ["none", "bearer"])
def test_oras_pulls_an_artifact(lab: Laboratory, auth: Auth, delivery: Delivery) -> None:
    backing = lab.backing(auth, delivery)
    lab.client("oras").pull(f"{backing.netloc}/{ARTIFACT}:{TAG}").verified(backing.images[ARTIFACT])


def test_oras_pulls_a_private_artifact_with_credentials(lab: Laboratory) -> None:
    backing = lab.backing("bearer")
    reference = f"{backing.netloc}/{PRIVATE_ARTIFACT}:{TAG}"
    lab.client("oras").pull(reference, ALICE).verified(backing.images[PRIVATE_ARTIFACT])
    assert not lab.client("oras").pull(reference).ok


def test_oras_pulls_from_a_basic_registry_when_told_so(lab: Laboratory) -> None:
    backing = lab.backing("basic")
    client = Oras(backend="basic")
    try:
        pull = client.pull(f"{backing.netloc}/{ARTIFACT}:{TAG}", ALICE)
    finally:
        client.stop()
    pull.verified(backing.images[ARTIFACT])


def test_skopeo_copies_every_architecture(lab: Laboratory) -> None:
    backing = lab.backing("none")
    image = backing.images[PUBLIC]
    copied = lab.skopeo().copy(f"{backing.netloc}/{PUBLIC}:{TAG}", every_architecture=True).verified(image)
    assert copied.digest == image.digest


def test_docker_logs_in_and_out(lab: Laboratory) -> None:
    docker, host = lab.docker(), lab.backing("bearer").netloc
    docker.login(host, ALICE).checked()
    assert host in (docker.home / "config/config.json").read_text()
    docker.logout(host).checked()
    assert host not in (docker.home / "config/config.json").read_text()
    assert not docker.login(host, MISTAKEN).ok


class PlainRedirects(Origin):
    """The plain "registry facade" recipe: 307 for everything, to one registry."""

    def __init__(self, target: str) -> None:
        self._target = target
        super().__init__(addresses.FACADE)

    def answer(self, request: Request) -> Answer:
        return Answer(307, [("Location", self._target + request.target)])


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize(
    ("client", "auth", "works"),
    [(client, "none", True) for client in CLIENTS]
    + [(client, "bearer", client in ("docker", "docker-py", "containerd")) for client in CLIENTS],
)
def test_plain_redirects_fail_where_clients_strip_the_token(
    lab: Laboratory, client: str, auth: Auth, works: bool, delivery: Delivery
) -> None:
    """Were the registry on the facade's address, every client would pass, and the suite would prove nothing."""
    backing = lab.backing(auth, delivery)
    with PlainRedirects(backing.url) as facade, Meter(addresses.FACADE, (facade.address, facade.port)) as meter:
        pull = lab.client(client).pull(f"{meter.netloc}/{PUBLIC}:{TAG}")
        assert pull.ok is works, f"{pull.output}\n{facade.log}"
        assert 0 < meter.count().answer < 20_000
    if works:
        pull.verified(backing.images[PUBLIC])
        assert facade.log.body_bytes() == 0

"""Real clients and a real registry behind a facade that remembers manifests: each is asked for once, by all workers."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import PRIVATE, PUBLIC, TAG, Laboratory

ROUNDS = 3


@pytest.fixture(scope="module")
def address(lab: Laboratory) -> Iterator[Address]:
    """`team` leads to `acme`: another name, so that every client's manifests are relayed."""
    backing = lab.backing("bearer", "redirected")
    facade = Facade(
        FACADE_PROBE_ON_SAVE="false", FACADE_MANIFEST_STORE_BYTES=str(64 * 1024**2), FACADE_TAG_SECONDS="600"
    )
    with facade, AddressBook(facade) as book:
        (opened,) = book.open([AddressSpec((MappingSpec("team", backing.url, "acme"),))])
        yield opened


@pytest.fixture(scope="module")
def earlier(lab: Laboratory, address: Address) -> Counter[tuple[str, str]]:
    """What the registry gave before anybody pulled here: other tests have it, too."""
    return given(lab, PUBLIC)


def reference(address: Address, name: str) -> str:
    return f"{address.netloc}/{name.replace('acme/', 'team/')}:{TAG}"


def given(lab: Laboratory, name: str) -> Counter[tuple[str, str]]:
    """What the registry gave out of a repository's manifests, by method and reference."""
    log = lab.backing("bearer", "redirected").log
    found = log.matching(containing=f"/v2/{name}/manifests/", where=lambda exchange: exchange.status == 200)
    return Counter((exchange.method, exchange.target.rpartition("/")[2]) for exchange in found)


@pytest.mark.parametrize("client", ["podman", "skopeo", "docker", "containerd"])
def test_each_manifest_is_asked_for_once(
    lab: Laboratory, address: Address, earlier: Counter[tuple[str, str]], client: str
) -> None:
    image = lab.backing("bearer", "redirected").images[PUBLIC]
    lab.client("skopeo").pull(reference(address, PUBLIC)).verified(image)
    assert given(lab, PUBLIC) - earlier

    for _ in range(ROUNDS):
        lab.client(client).pull(reference(address, PUBLIC)).verified(image)

    asked = given(lab, PUBLIC) - earlier
    assert max(asked.values()) == 1, asked
    assert all(method == "GET" or what == TAG for method, what in asked)


def test_a_private_image_is_its_members_alone(lab: Laboratory, address: Address) -> None:
    image = lab.backing("bearer", "redirected").images[PRIVATE]

    for client in ("podman", "skopeo"):
        assert not lab.client(client).pull(reference(address, PRIVATE)).ok
        lab.client(client).pull(reference(address, PRIVATE), ALICE).verified(image)
        assert not lab.client(client).pull(reference(address, PRIVATE)).ok

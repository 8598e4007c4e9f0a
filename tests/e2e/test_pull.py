"""Pulls through the facade by redirects alone: what each client can follow, it follows, and no layer comes through."""

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab.laboratory import DELIVERIES, PUBLIC, TAG, Delivery, Laboratory
from tests.e2e.lab.registry import Auth

REDIRECT_ONLY = {"redirect-only": True, "default": False}
Doorway = dict[tuple[Auth, Delivery, str], Address]


@pytest.fixture(scope="module")
def doorway(lab: Laboratory, address_book: AddressBook) -> Doorway:
    """An address for each kind of registry, once with redirect only and once as mappings are by default."""
    auths: tuple[Auth, ...] = ("none", "bearer")
    kinds = [(auth, delivery, how) for auth in auths for delivery in DELIVERIES for how in REDIRECT_ONLY]
    specs = [
        AddressSpec((MappingSpec("acme", lab.backing(auth, d).url, "acme", redirect_only=REDIRECT_ONLY[how]),))
        for auth, d, how in kinds
    ]
    return dict(zip(kinds, address_book.open(specs), strict=True))


@pytest.mark.parametrize("how", REDIRECT_ONLY)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize(
    ("client", "auth"),
    [
        ("docker", "none"),
        ("docker", "bearer"),
        ("containerd", "none"),
        ("containerd", "bearer"),
        ("podman", "none"),
        ("skopeo", "none"),
        ("buildah", "none"),
    ],
)
def test_client_pulls_and_no_layer_passes_the_facade(
    lab: Laboratory, doorway: Doorway, client: str, auth: Auth, delivery: Delivery, how: str
) -> None:
    backing, address = lab.backing(auth, delivery), doorway[auth, delivery, how]
    image = backing.images[PUBLIC]
    assert len(image.manifests) > 1
    assert len(image.host.layer_digests) > 1
    address.forget()
    lab.client(client).pull(f"{address.netloc}/{PUBLIC}:{TAG}").verified(image)
    passed = address.passed()
    assert passed
    assert address.layers_seen(image) == 0
    assert address.relayed_bytes() == 0
    assert {exchange.status for exchange in passed if exchange.path != "/v2/"} == {307}

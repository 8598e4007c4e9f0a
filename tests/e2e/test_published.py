"""A published mapping: real clients pull what is private without any credentials, from real registries."""

from __future__ import annotations

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab import process
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import CLIENTS, PRIVATE, TAG, Laboratory
from tests.e2e.lab.registry import Auth
from tests.e2e.seed import tenant_of

AUTHS: tuple[Auth, ...] = ("bearer", "basic")


@pytest.fixture(scope="module")
def published(lab: Laboratory, address_book: AddressBook) -> dict[tuple[Auth, str], Address]:
    """Addresses that give everybody what is ALICE's, by what the registry asks for and how it gives out layers."""
    kinds = [(auth, delivery) for auth in AUTHS for delivery in ("inline", "redirected")]
    specs = [
        AddressSpec((MappingSpec("team", lab.backing(auth, delivery).url, "acme", private=True),), streams=True)  # type: ignore[arg-type]
        for auth, delivery in kinds
    ]
    opened = address_book.open(specs)
    for address in opened:
        publish(address_book, address)
    return dict(zip(kinds, opened, strict=True))


def publish(book: AddressBook, address: Address) -> None:
    words = ["facade", "mapping", "publish", address.hostname, "team", "--user", ALICE.name, "--password-stdin"]
    argv = [*book.facade.manage_argv(*words), "--reason", "everybody may have it"]
    process.run(argv, env=book.facade.env, stdin=f"{ALICE.password}\n").checked()


def reference_of(address: Address) -> str:
    return f"{address.netloc}/{PRIVATE.replace('acme/', 'team/')}:{TAG}"


@pytest.mark.parametrize("delivery", ["inline", "redirected"])
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_pulls_what_is_private_without_a_login(
    lab: Laboratory,
    address_book: AddressBook,
    published: dict[tuple[Auth, str], Address],
    client: str,
    auth: Auth,
    delivery: str,
) -> None:
    address = published[auth, delivery]
    image = lab.backing(auth).images[PRIVATE]
    process.wait_until(lambda: is_public(address_book, address), "the workers follow")
    address.forget()

    lab.client(client).pull(reference_of(address), None).verified(image)

    for exchange in address.passed():
        told = f"{exchange.headers} {exchange.body!r}"
        assert ALICE.password not in told
        assert ALICE.basic.removeprefix("Basic ") not in told
    if delivery == "inline":
        assert address.layers_seen(image) == len(image.host.layer_digests)
    else:
        assert address.blob_bytes() == 0


def is_public(book: AddressBook, address: Address) -> bool:
    path = f"/v2/{PRIVATE.replace('acme/', 'team/')}/manifests/{TAG}"
    return book.facade.request("GET", path, host=address.netloc).status == 200


def test_it_ends_with_a_word_and_another_address_of_the_same_repository_never_had_it(
    lab: Laboratory, address_book: AddressBook
) -> None:
    url = lab.backing("bearer").url
    specs = [AddressSpec((MappingSpec("team", url, "acme", private=True),), streams=True) for _ in range(2)]
    shown, hidden = address_book.open(specs)
    publish(address_book, shown)
    skopeo = lab.client("skopeo")
    process.wait_until(lambda: is_public(address_book, shown), "the workers follow")

    assert skopeo.pull(reference_of(shown), None).ok
    assert not skopeo.pull(reference_of(hidden), None).ok

    address_book.facade.manage("facade", "mapping", "unpublish", shown.hostname, "team")
    process.wait_until(lambda: not is_public(address_book, shown), "the workers follow")
    assert not skopeo.pull(reference_of(shown), None).ok
    assert tenant_of(shown.hostname) != tenant_of(hidden.hostname)

"""Hostnames that lead to several registries, and logging in to them: every client, by whichever way it logs in."""

import dataclasses
from typing import NamedTuple

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab.accounts import ALICE, BOB, Account
from tests.e2e.lab.laboratory import (
    ARTIFACT,
    AUTHS,
    CLIENTS,
    PRIVATE,
    PRIVATE_ARTIFACT,
    PUBLIC,
    TAG,
    Backing,
    Laboratory,
    standing_images,
)
from tests.e2e.lab.registry import Auth

ALL_CLIENTS = (*CLIENTS, "oras")
MISTAKEN = dataclasses.replace(ALICE, password="mistaken")


class TwoBearer(NamedTuple):
    """Hostnames with mappings to two Bearer registries of different content: `acme` to one, `team` to the other."""

    first: Backing
    second: Backing
    #: Of the second, bare logins are tried at the first registry.
    plain: Address
    with_login: Address

    def pulls(self, address: Address, name: str) -> list[tuple[str, Backing]]:
        """The references under which this name is at the first and at the second registry."""
        return [
            (f"{address.netloc}/{name}:{TAG}", self.first),
            (f"{address.netloc}/{name.replace('acme/', 'team/')}:{TAG}", self.second),
        ]


@pytest.fixture(scope="module")
def two(lab: Laboratory, address_book: AddressBook) -> TwoBearer:
    first, second = lab.backing("bearer", "redirected"), lab.another_backing("bearer", "redirected")
    for name in (PUBLIC, PRIVATE, ARTIFACT, PRIVATE_ARTIFACT):
        build = standing_images("none")[name]
        second.push(build, name)
    mappings = MappingSpec("acme", first.url, "acme"), MappingSpec("team", second.url, "acme")
    plain, with_login = address_book.open([AddressSpec(mappings), AddressSpec(mappings, login=first.url)])
    return TwoBearer(first, second, plain, with_login)


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_one_hostname_leads_to_two_bearer_registries(lab: Laboratory, two: TwoBearer, client: str) -> None:
    name = ARTIFACT if client == "oras" else PUBLIC
    two.plain.forget()
    for reference, backing in two.pulls(two.plain, name):
        lab.client(client).pull(reference).verified(backing.images[name])
        assert two.plain.layers_seen(backing.images[name]) == 0


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_after_a_login_private_images_of_both_are_pulled(lab: Laboratory, two: TwoBearer, client: str) -> None:
    name = PRIVATE_ARTIFACT if client == "oras" else PRIVATE
    for address in (two.plain, two.with_login):
        address.forget()
        for reference, backing in two.pulls(address, name):
            lab.client(client).pull(reference, ALICE).verified(backing.images[name])
            assert address.layers_seen(backing.images[name]) == 0


@pytest.mark.parametrize("client", ALL_CLIENTS)
@pytest.mark.parametrize("account", [None, MISTAKEN, BOB], ids=["nobody", "mistaken", "bob"])
def test_private_images_stay_private(lab: Laboratory, two: TwoBearer, client: str, account: Account | None) -> None:
    name = PRIVATE_ARTIFACT if client == "oras" else PRIVATE
    reference, _ = two.pulls(two.plain, name)[1]
    pull = lab.client(client).pull(reference, account)
    assert not pull.ok, pull.output


def test_a_bare_login_is_tried_at_the_login_registry(lab: Laboratory, two: TwoBearer) -> None:
    docker = lab.docker()
    assert docker.login(two.with_login.netloc, ALICE).ok
    assert not docker.login(two.with_login.netloc, MISTAKEN).ok
    # Without one, the facade can't tell whose the credentials are: it keeps them to itself until a pull says.
    lab.tokens().log.clear()
    assert docker.login(two.plain.netloc, MISTAKEN).ok
    assert lab.tokens().log.all() == []


@pytest.fixture(scope="module")
def mixed(lab: Laboratory, address_book: AddressBook) -> Address:
    """One hostname with a registry of each kind, under `none`, `bearer` and `basic`."""
    (address,) = address_book.open(
        [AddressSpec(tuple(MappingSpec(auth, lab.backing(auth, "redirected").url, "acme") for auth in AUTHS))]
    )
    return address


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_one_hostname_leads_to_registries_of_every_kind(lab: Laboratory, mixed: Address, client: str) -> None:
    for auth in AUTHS:
        backing = lab.backing(auth, "redirected")
        name = ARTIFACT if client == "oras" else PUBLIC
        backing.log.clear()
        reference = f"{mixed.netloc}/{name.replace('acme/', f'{auth}/')}:{TAG}"
        lab.client(client).pull(reference, ALICE).verified(backing.images[name])
        if auth == "none":
            assert [e for e in backing.log.all() if e.header("authorization")] == [], "an open registry got a token"


@pytest.fixture(scope="module")
def never_probed(lab: Laboratory, address_book: AddressBook) -> dict[Auth, Address]:
    """Addresses of registries of which the facade knows nothing yet, under the same name."""
    specs = [
        AddressSpec((MappingSpec("acme", lab.backing(auth, "redirected").url, "acme"),), probed=False) for auth in AUTHS
    ]
    return dict(zip(AUTHS, address_book.open(specs), strict=True))


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_a_registry_that_no_probe_has_reached_works_all_the_same(
    lab: Laboratory, never_probed: dict[Auth, Address], client: str, auth: Auth
) -> None:
    backing, address = lab.backing(auth, "redirected"), never_probed[auth]
    for name in (ARTIFACT, PRIVATE_ARTIFACT) if client == "oras" else (PUBLIC, PRIVATE):
        address.forget()
        pull = lab.client(client).pull(f"{address.netloc}/{name}:{TAG}", backing.account_for(name))
        pull.verified(backing.images[name])
        assert address.layers_seen(backing.images[name]) == 0


@pytest.fixture(scope="module")
def never_probed_inline(lab: Laboratory, address_book: AddressBook) -> Address:
    (address,) = address_book.open([AddressSpec((MappingSpec("team", lab.backing("none").url, "acme"),), probed=False)])
    return address


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_an_open_registry_that_serves_layers_itself_works_before_its_probe(
    lab: Laboratory, never_probed_inline: Address, client: str
) -> None:
    name = ARTIFACT if client == "oras" else PUBLIC
    image = lab.backing("none").images[name]
    never_probed_inline.forget()
    reference = f"{never_probed_inline.netloc}/{name.replace('acme/', 'team/')}:{TAG}"
    lab.client(client).pull(reference).verified(image)
    assert never_probed_inline.layers_seen(image) == 0

"""A mapping's notice is printed by the clients that print what registries warn of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.roster import Roster
from tests.e2e.address_book import AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab.laboratory import PUBLIC, TAG, Laboratory

NOTICE = "moves to registry.example.com on 1 March"
PRINTING = ("podman 5.4", "podman 5.8", "skopeo 1.18", "skopeo 1.22", "buildah 1.43")


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with Laboratory() as made:
        yield made


@pytest.mark.parametrize("client", PRINTING)
def test_who_pulls_reads_it(roster: Roster, lab: Laboratory, address_book: AddressBook, client: str) -> None:
    backing = lab.backing("bearer", "redirected")
    (address,) = address_book.open([AddressSpec((MappingSpec("acme", backing.url, "acme"),))])
    address_book.facade.seed("notice", address.hostname, "acme", NOTICE)
    address_book.open([AddressSpec((MappingSpec("acme", backing.url, "acme"),))])

    pull = roster.puller(client).pull(f"{address.netloc}/{PUBLIC}:{TAG}").verified(backing.images[PUBLIC])

    assert NOTICE in pull.output

"""Lists through a rename: tags in pages, and referrers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab import addresses, images
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import Laboratory
from tests.e2e.lab.paging import PagingFront
from tests.e2e.lab.registry import Auth

TAGS = [f"1.{number}" for number in range(7)]
PAGE = 3
AUTHS: tuple[Auth, ...] = ("none", "bearer", "basic")


@pytest.fixture(scope="module", params=AUTHS)
def auth(request: pytest.FixtureRequest) -> Auth:
    param: Auth = request.param
    return param


@pytest.fixture(scope="module")
def subject(lab: Laboratory, auth: Auth) -> str:
    """The digest of an image that has many tags, at every kind of registry."""
    image = images.build("many tags")
    lab.backing(auth).registry.push(image, "acme/tags", *TAGS)
    return image.digest


@pytest.fixture(scope="module", params=[False, True], ids=["relative", "absolute"])
def front(request: pytest.FixtureRequest, lab: Laboratory, auth: Auth, subject: str) -> Iterator[PagingFront]:
    """A front that pages, with either form of `Link`; two manifests refer to `subject`."""
    registry = lab.backing(auth).registry
    with PagingFront(registry, addresses.SPARE[-2], page=PAGE, absolute_links=request.param) as started:
        started.refer("acme/tags", subject, "application/sbom", b"{}")
        started.refer("acme/tags", subject, "application/signature", b"{ }")
        yield started


@pytest.fixture(scope="module")
def address(address_book: AddressBook, front: PagingFront) -> Address:
    (opened,) = address_book.open([AddressSpec((MappingSpec("team/renamed", front.url, "acme/tags"),))])
    return opened


def test_skopeo_reads_every_page_of_tags(lab: Laboratory, front: PagingFront, address: Address, auth: Auth) -> None:
    front.log.clear()
    account = ALICE if auth == "basic" else None
    listed = lab.skopeo().list_tags(f"{address.netloc}/team/renamed", account).checked()
    assert json.loads(listed.stdout)["Tags"] == TAGS
    pages = [exchange for exchange in front.log.matching("GET", "/tags/list") if exchange.status == 200]
    assert len(pages) == 3
    assert {exchange.path for exchange in pages} == {"/v2/acme/tags/tags/list"}


def test_a_list_speaks_of_the_facades_name_alone(
    address_book: AddressBook, front: PagingFront, address: Address, auth: Auth
) -> None:
    headers = _authorization(address_book.facade, address, auth)
    answer = address_book.facade.request("GET", "/v2/team/renamed/tags/list?n=2", host=address.netloc, headers=headers)
    assert answer.json() == {"name": "team/renamed", "tags": TAGS[:2]}
    assert answer.headers["link"] == '</v2/team/renamed/tags/list?last=1.1&n=2>; rel="next"'
    assert b"acme" not in answer.body


def test_referrers(address_book: AddressBook, front: PagingFront, address: Address, subject: str, auth: Auth) -> None:
    headers = _authorization(address_book.facade, address, auth)

    def referrers(query: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
        target = f"/v2/team/renamed/referrers/{subject}{query}"
        answer = address_book.facade.request("GET", target, host=address.netloc, headers=headers)
        assert answer.status == 200, answer.body
        return answer.json()["manifests"], dict(answer.headers)

    every, plain = referrers("")
    assert [entry["artifactType"] for entry in every] == ["application/sbom", "application/signature"]
    assert plain["content-type"] == "application/vnd.oci.image.index.v1+json"
    some, filtered = referrers("?artifactType=application/sbom")
    assert [entry["artifactType"] for entry in some] == ["application/sbom"]
    assert filtered["oci-filters-applied"] == "artifactType"


def test_skopeo_inspects(lab: Laboratory, address: Address, auth: Auth) -> None:
    if auth != "none":
        # The config is a blob, which this front serves itself.
        refused = lab.skopeo().inspect(f"{address.netloc}/team/renamed:{TAGS[0]}", ALICE)
        assert "403 (Forbidden)" in refused.output
        return
    inspected = lab.skopeo().inspect(f"{address.netloc}/team/renamed:{TAGS[0]}").checked()
    assert json.loads(inspected.stdout)["RepoTags"] == TAGS


def _authorization(facade: Facade, address: Address, auth: Auth) -> dict[str, str]:
    if auth == "none":
        return {}
    scope = "repository:team/renamed:pull"
    credentials = {"Authorization": ALICE.basic} if auth == "basic" else {}
    answer = facade.request("GET", f"/token?scope={scope}", host=address.netloc, headers=credentials)
    assert answer.status == 200, answer.body
    return {"Authorization": f"Bearer {answer.json()['token']}"}

"""What a registry is asked by workers that remember: counted by the registry, for thousands of pulls at once."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.dataplane.remembered.public_registry import INDEX, PublicRegistry, manifest
from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab.process import wait_until
from tests.e2e.load import Load, Wanted

PODMAN = "containers/5.23.1 (github.com/containers/image)"
PLATFORMS = ("amd64", "arm64", "s390x")
PULLS = 1000
#: As Docker Hub has it: what an address may GET in six hours.
ALLOWED_GETS = 100
IMAGES, PULLS_OF_THEM = 20, 10_000
TAG_SECONDS = 5.0


@pytest.fixture
def registry() -> Iterator[PublicRegistry]:
    started = PublicRegistry(now=time.time)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(FACADE_PROBE_ON_SAVE="false", FACADE_MANIFEST_STORE_BYTES=str(64 * 1024**2)) as started:
        yield started


@pytest.fixture(scope="module")
def book(facade: Facade) -> Iterator[AddressBook]:
    with AddressBook(facade) as opened:
        yield opened


@pytest.fixture
def addresses(book: AddressBook, registry: PublicRegistry) -> tuple[Address, Address]:
    """`team` leads to `acme`, and nothing is redirected so. The second says that its images are private."""
    mappings = [MappingSpec("team", registry.url, "acme", private=private) for private in (False, True)]
    remembered, private = book.open([AddressSpec((mapping,)) for mapping in mappings])
    return remembered, private


def token(facade: Facade, address: Address, name: str) -> str:
    """What a client that has no account gets to pull with."""
    answer = facade.request("GET", f"/token?service=x&scope=repository:team/{name}:pull", host=address.hostname)
    found: str = json.loads(answer.body)["token"]
    return found


def get(facade: Facade, address: Address, name: str, endpoint: str) -> Wanted:
    """A request as podman makes it, with a token that was got now."""
    fields = {
        "Host": address.hostname,
        "User-Agent": PODMAN,
        "Accept": f"{INDEX}, application/vnd.oci.image.manifest.v1+json",
        "Authorization": f"Bearer {token(facade, address, name)}",
    }
    lines = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    return Wanted(f"GET /v2/team/{name}/{endpoint} HTTP/1.1\r\n{lines}\r\n".encode(), 200)


def test_a_thousand_pulls_of_one_image_cost_a_get_for_each_manifest_and_a_head_every_five_seconds(
    facade: Facade, registry: PublicRegistry, addresses: tuple[Address, Address]
) -> None:
    content = registry.repository()
    content.put(manifest("index"), "1.0")
    digests = [content.put(manifest(platform)) for platform in PLATFORMS]
    tag, *platforms = [get(facade, addresses[0], "app", f"manifests/{each}") for each in ("1.0", *digests)]
    pulls = [request for platform in platforms for request in (tag, platform)]

    begun = time.monotonic()
    with Load(facade.port, pulls) as load:
        load.wait_for_answers(2 * PULLS)
    seconds = time.monotonic() - begun

    assert load.wrong == []
    gets = Counter({what: number for what, number in registry.given.items() if what[0] == "GET"})
    assert len(gets) == 1 + len(PLATFORMS)
    assert set(gets.values()) == {1}
    assert registry.heads == registry.given["HEAD", "acme/app", "1.0"]
    assert registry.heads <= math.ceil(seconds / TAG_SECONDS) + 1


def test_where_an_address_gets_a_hundred_manifests_ten_thousand_pulls_go_through_and_then_an_outage(
    facade: Facade, registry: PublicRegistry, addresses: tuple[Address, Address]
) -> None:
    remembered, private = addresses
    registry.allowed_gets = ALLOWED_GETS
    for number in range(IMAGES):
        registry.repository("acme/app").put(manifest(str(number)), str(number))
    pulls = [get(facade, remembered, "app", f"manifests/{number}") for number in range(IMAGES)]

    with Load(facade.port, pulls) as load:
        load.wait_for_answers(PULLS_OF_THEM)
    assert load.wrong == []
    assert registry.gets == IMAGES

    # Where the memory takes no part, as many go through as the registry gives.
    pull = get(facade, private, "app", "manifests/0")
    with Load(facade.port, [pull], connections=1) as load:
        load.wait_for_answers(2 * ALLOWED_GETS)
    assert load.answers == ALLOWED_GETS - IMAGES + len(load.wrong)
    assert " 429 " in load.wrong[0]
    assert registry.gets == ALLOWED_GETS

    fields = {"User-Agent": PODMAN, "Authorization": f"Bearer {token(facade, remembered, 'app')}"}
    registry.stop()

    def is_stale() -> bool:
        answer = facade.request("GET", "/v2/team/app/manifests/3", host=remembered.hostname, headers=fields)
        assert (answer.status, answer.body) == (200, manifest("3"))
        return answer.headers.get("warning", "").startswith("110 ")

    wait_until(is_stale, "what the registry said of the tag is too old, and it cannot be asked")
    blob = f"/v2/team/app/blobs/sha256:{'ab' * 32}"
    answer = facade.request("GET", blob, host=remembered.hostname, headers=fields)
    assert answer.status == 502
    assert "the facade remembers manifests, but no layers" in json.loads(answer.body)["errors"][0]["message"]

"""A repoint in the middle of a pull, to a registry with other digests: real clients finish what they began."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.lab import images
from tests.e2e.lab.front import Front
from tests.e2e.lab.images import Image
from tests.e2e.lab.laboratory import TAG, Backing, Laboratory
from tests.e2e.lab.origin import Answer, Request
from tests.e2e.lab.registry import Auth

AUTHS: tuple[Auth, ...] = ("none", "bearer")
PULLERS = ("docker", "containerd", "podman")
NAME = "acme/many"
LAYERS = 20


class Move(NamedTuple):
    """Two registries that hold another image under the same name."""

    old: Backing
    new: Backing


@pytest.fixture(scope="module")
def moves(lab: Laboratory) -> dict[Auth, Move]:
    made = {}
    for auth in AUTHS:
        move = Move(lab.another_backing(auth, "redirected"), lab.another_backing(auth, "redirected"))
        for which, backing in zip(("old", "new"), move, strict=True):
            backing.push(images.build(f"{auth} {which} many", layers=LAYERS, layer_kib=4), NAME)
        made[auth] = move
    return made


@pytest.fixture(scope="module")
def addresses(address_book: AddressBook, moves: dict[Auth, Move]) -> dict[tuple[str, Auth], Address]:
    kinds = [(client, auth) for client in PULLERS for auth in AUTHS]
    specs = [AddressSpec((MappingSpec("acme", moves[auth].old.url, "acme"),)) for _, auth in kinds]
    return dict(zip(kinds, address_book.open(specs), strict=True))


class Midway:
    """Does something once, when a registry is asked for the manifest of this machine's image: its layers come next."""

    def __init__(self, front: Front, image: Image, act: Callable[[], None]) -> None:
        self._answer, self._path, self._act = front.answer, f"/manifests/{image.host.digest}", act
        self._lock = threading.Lock()
        self.done = False

    def answer(self, request: Request) -> Answer:
        if request.method == "GET" and request.path.endswith(self._path):
            with self._lock:
                if not self.done:
                    self._act()
                    self.done = True
        return self._answer(request)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", PULLERS)
def test_a_pull_of_many_layers_goes_on_after_a_repoint(
    lab: Laboratory,
    address_book: AddressBook,
    moves: dict[Auth, Move],
    addresses: dict[tuple[str, Auth], Address],
    client: str,
    auth: Auth,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move, address = moves[auth], addresses[client, auth]
    old, new = move.old.images[NAME], move.new.images[NAME]
    assert old.host.layer_digests != new.host.layer_digests
    reference = f"{address.netloc}/{NAME}:{TAG}"
    front = move.old.front
    assert front is not None

    facade = address_book.facade

    def repoint() -> None:
        facade.seed("repoint", address.hostname, "acme", f"{move.new.url}/acme")
        tag = f"/v2/{NAME}/manifests/{TAG}"
        agent = {"User-Agent": "containerd/2.0"}
        facade.wait_for(tag, 307, host=address.hostname, location=f"{move.new.url}{tag}", headers=agent)

    midway = Midway(front, old, repoint)
    monkeypatch.setattr(front, "answer", midway.answer)

    pull = lab.client(client).pull(reference)

    assert midway.done, address.story()
    pull.verified(old)
    layers = [exchange for exchange in address.passed() if "/blobs/" in exchange.path]
    assert len(layers) > LAYERS, address.story()
    assert address.layers_seen(old) == 0
    # The next pull is one of now.
    lab.client(client).pull(reference).verified(new)

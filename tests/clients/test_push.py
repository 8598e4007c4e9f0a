"""Pushing where the mapping allows it: redirected for those who can, and the address for everybody else."""

import json
import re
from collections.abc import Callable

import pytest

from tests.clients.programs.crane import Crane
from tests.clients.programs.oras import OrasCommand
from tests.clients.registries.world import World
from tests.clients.report import VERB
from tests.clients.roster import Roster
from tests.clients.tables import pushes
from tests.e2e.address_book import Address, AddressBook
from tests.e2e.lab.containerd import Containerd
from tests.e2e.lab.containers_image import Podman, Skopeo
from tests.e2e.lab.docker_engine import Docker
from tests.e2e.lab.laboratory import PUBLIC

CELLS = [
    pytest.param(client, registry, outcome, id=re.sub(r"[^a-z0-9.]+", "-", f"{client} {registry}".lower()))
    for client, registry, outcome in pushes()
]


@pytest.fixture(scope="module")
def pushable(world: World, address_book: AddressBook) -> dict[str, Address]:
    """An address of the facade for each registry, whose mapping allows pushes."""
    registries = sorted({registry for _, registry, _ in pushes()})
    specs = [world.source(registry).spec("same", allow_push=True) for registry in registries]
    return dict(zip(registries, address_book.open(specs), strict=True))


@pytest.mark.parametrize(("client", "registry", "expected"), CELLS)
def test_push(
    world: World,
    roster: Roster,
    pushable: dict[str, Address],
    record_property: Callable[[str, object], None],
    client: str,
    registry: str,
    expected: str,
) -> None:
    source, address, pusher = world.source(registry), pushable[registry], roster.start(client)
    assert isinstance(pusher, Containerd | Crane | Docker | OrasCommand | Podman | Skopeo)
    original = world.source("open, inline")
    tag = re.sub(r"[^a-z0-9.]+", "-", f"pushed by {client}".lower())
    where = f"{source.url.partition('://')[2]}/{PUBLIC}"
    account = source.account if registry != "open, inline" else None
    address.forget()
    pushed = pusher.push(
        f"{original.url.partition('://')[2]}/{PUBLIC}:1.0", f"{address.netloc}/{PUBLIC}:{tag}", account
    )
    refusals = [exchange for exchange in address.passed() if exchange.status == 405]
    found = "pushed" if pushed.ok else "refused" if refusals else "failed"
    record_property(VERB, ["push", registry, "same", client, found])

    assert found == expected, f"{pushed.output}\n{address.story()}"
    if expected == "pushed":
        roster.skopeo().inspect(f"{where}:{tag}", source.account).checked()
    else:
        message = json.loads(next(exchange.body for exchange in refusals if exchange.body))["errors"][0]["message"]
        assert f"push to {where}" in message

"""Logging in to the facade: the registry behind it is the one that says yes or no."""

import dataclasses
import re
from collections.abc import Callable

import pytest

from tests.clients.programs.oras import OrasCommand
from tests.clients.registries.world import World
from tests.clients.report import VERB
from tests.clients.roster import Roster
from tests.clients.tables import Row, logins
from tests.e2e.address_book import Address
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.containers_image import Buildah, Podman
from tests.e2e.lab.docker_engine import Docker
from tests.e2e.lab.process import Completed

CELLS = [
    pytest.param(client, registry, id=re.sub(r"[^a-z0-9.]+", "-", f"{client} {registry}".lower()))
    for client, registry in logins()
]


@pytest.mark.parametrize(("client", "registry"), CELLS)
def test_login(
    world: World,
    roster: Roster,
    opened: dict[Row, Address],
    record_property: Callable[[str, object], None],
    client: str,
    registry: str,
) -> None:
    account, address = world.source(registry).account, opened[Row(registry, "same")]
    address.forget()
    right = _login(roster, client, address.netloc, account)
    wrong = _login(roster, client, address.netloc, dataclasses.replace(account, password="not-the-password"))
    works = right.ok and not wrong.ok
    record_property(VERB, ["login", registry, "same", client, "works" if works else "fails"])

    assert right.ok, f"{right.output}\n{address.story()}"
    assert not wrong.ok, f"{wrong.output}\n{address.story()}"
    assert "not-the-password" not in wrong.output
    assert re.search(r"401|unauthorized|incorrect|invalid username", wrong.output, re.IGNORECASE), wrong.output


def _login(roster: Roster, name: str, host: str, account: Account) -> Completed:
    client = roster.start(name)
    if isinstance(client, Podman | Buildah):
        return client.login(host, account, client.fresh())
    assert isinstance(client, Docker | OrasCommand)
    return client.login(host, account)

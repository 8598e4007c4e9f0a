"""Every client, every registry: each cell pulls, or says why it can't; and never does a layer pass the facade."""

import json
from collections.abc import Callable

import pytest

from tests.e2e import wire
from tests.e2e.cells import ALL_CLIENTS, KINDS, Kind, most_relayed_bytes
from tests.e2e.doors import Door, Doors
from tests.e2e.lab.clients import Pull
from tests.e2e.lab.laboratory import Backing, Laboratory
from tests.e2e.matrix_report import PROPERTY

# One worker has dockerd, by far the slowest; the other has the rest.
_GROUPS = {client: "docker" if client.startswith("docker") else "other clients" for client in ALL_CLIENTS}
CELLS = [
    pytest.param(client, kind, id=f"{client}-{'-'.join(kind)}".replace(" ", "_"), marks=pytest.mark.xdist_group(group))
    for client, group in _GROUPS.items()
    for kind in KINDS
]


@pytest.fixture(scope="module")
def opened(lab: Laboratory, doors: Doors) -> dict[Kind, Door]:
    """A door for each row; the facade has probed each registry."""
    plans = [kind.plan(lab.backing(kind.auth, kind.delivery)) for kind in KINDS]
    return dict(zip(KINDS, doors.open(plans), strict=True))


@pytest.mark.parametrize(("client", "kind"), CELLS)
def test_cell(
    lab: Laboratory,
    opened: dict[Kind, Door],
    record_property: Callable[[str, object], None],
    client: str,
    kind: Kind,
) -> None:
    backing, door, refusal = lab.backing(kind.auth, kind.delivery), opened[kind], kind.refusal(client)
    image = backing.images[kind.upstream_name(client)]
    door.forget()
    pull = lab.client(client).pull(kind.reference(client, door), kind.account)
    relayed = door.relayed_bytes()
    record_property(PROPERTY, [*kind, client, relayed if refusal is None else "refused"])

    if refusal is None:
        pull.verified(image)
        # Of relayed manifests, docker may ask for the HEAD alone: it keeps what it has pulled under another name.
        manifests = {exchange.status for exchange in door.passed() if "/manifests/" in exchange.path}
        assert (200 not in manifests) is kind.is_redirected_throughout(client), door.story()
    else:
        _refused_with_reason(pull, kind, client, backing, door)
    assert door.blob_bytes() == 0
    assert door.layers_seen(image) == 0
    assert relayed <= most_relayed_bytes(image), door.story()


def _refused_with_reason(pull: Pull, kind: Kind, client: str, backing: Backing, door: Door) -> None:
    assert not pull.ok
    refusal = kind.refusal(client)
    assert refusal is not None
    assert refusal.search(pull.output), f"{pull.output}\n{door.story()}"
    if kind.account is None and kind.auth == "basic":
        (answer,) = [exchange for exchange in door.passed() if exchange.path == "/token"][-1:]
        expected = (401, "UNAUTHORIZED", f"docker login {door.netloc}")
    else:
        answer = next(exchange for exchange in door.passed() if exchange.is_blob)
        expected = (403, "DENIED", f"pull from {backing.netloc}/{kind.upstream_name(client)}")
    assert (answer.status, _error(answer)["code"]) == expected[:2], door.story()
    assert expected[2] in _error(answer)["message"]


def _error(answer: wire.Passed) -> dict[str, str]:
    errors: list[dict[str, str]] = json.loads(answer.body)["errors"]
    return errors[0]

"""Every client pulls from every registry, and gets what `expected.md` says."""

import json
import re
from collections.abc import Callable

import pytest

from tests.clients.registries.world import Source, World
from tests.clients.report import PULL
from tests.clients.roster import Roster
from tests.clients.tables import PULLERS, ROWS, Row, outcome_of_pull, shown_of_a_refusal
from tests.e2e.address_book import Address
from tests.e2e.lab.clients import Pull

_SHOWN = {
    "message": re.compile(r"serves layers itself.*pull from \S+/\S+", re.DOTALL),
    "status": re.compile(r"403|denied|forbidden", re.IGNORECASE),
    "nothing": re.compile(""),
}
CELLS = [
    pytest.param(client.name, row, id=re.sub(r"[^a-z0-9.]+", "-", f"{client.name} {' '.join(row)}".lower()))
    for client in PULLERS
    for row in ROWS
]


@pytest.mark.parametrize(("client", "row"), CELLS)
def test_pull(
    world: World,
    roster: Roster,
    opened: dict[Row, Address],
    record_property: Callable[[str, object], None],
    client: str,
    row: Row,
) -> None:
    source, address, expected = world.source(row.registry), opened[row], outcome_of_pull(client, row)
    image = source.image(row.naming)
    address.forget()
    reference = f"{address.netloc}/{source.typed(row.naming)}:1.0"
    pull = roster.puller(client).pull(reference, source.account_for(row.naming))
    found = _outcome(pull, address)
    record_property(PULL, [*row, client, found])

    assert found == expected, f"{pull.output}\n{address.story()}"
    if pull.ok:
        pull.verified(image)
    elif expected == "refused":
        _tells_where_to_pull(source, row, address)
        assert _SHOWN[shown_of_a_refusal(client)].search(pull.output), pull.output
    if expected != "streamed":
        assert address.layers_seen(image) == 0


def _outcome(pull: Pull, address: Address) -> str:
    """What came of it, in the words of `expected.md`; `failed` where none fits."""
    passed = address.passed()
    if pull.ok:
        if address.blob_bytes():
            return "streamed"
        return "relayed" if any(e.status == 200 and "/manifests/" in e.path for e in passed) else "redirected"
    if any(e.is_blob and e.status == 403 for e in passed):
        return "refused"
    if any(e.path == "/token" and e.status == 401 for e in passed):
        return "to log in"
    return "failed"


def _tells_where_to_pull(source: Source, row: Row, address: Address) -> None:
    answer = next(exchange for exchange in address.passed() if exchange.is_blob and exchange.status == 403)
    error = json.loads(answer.body)["errors"][0] if answer.method == "GET" else {"code": "DENIED", "message": ""}
    assert error["code"] == "DENIED"
    if answer.method == "GET":
        assert f"{source.url.partition('://')[2]}/{source.name(row.naming)}" in error["message"]

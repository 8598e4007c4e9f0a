"""Ten thousand mutated documents: no crash, and whatever is in place afterwards has the routes."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from routing.edge.document import unpack
from routing.edge.envoy import ROUTES, read_routes
from routing.edge.files import Folder
from routing.edge.keeper import Keeper
from routing.edge.publisher import Answer
from tests.edge.mutations import KINDS, wrongly_compiled
from tests.edge.publisher import document

MUTATIONS = 10_000


class _Fuzzing:
    address = "https://facade.example/api/v1/routes/envoy"
    body = b""

    def ask(self, etag: str) -> Answer:
        return Answer(self.body, '"x"')


@pytest.mark.long
def test_no_mutated_document_takes_the_routes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ten thousand files of the test's own need not be on the disk for good.
    monkeypatch.setattr("os.fsync", lambda _: None)
    chance = random.Random(20261127)
    publisher, folder = _Fuzzing(), Folder(tmp_path)
    keeper = Keeper(publisher, folder, share=33)  # type: ignore[arg-type]
    good = document(5, 2)
    publisher.body = good
    assert keeper.look()
    files = dict(unpack(good).files)
    taken: Counter[str] = Counter()

    for number in range(MUTATIONS):
        kind = KINDS[number % len(KINDS)]
        publisher.body = kind(document_of(number, good), chance)
        done = keeper.look()
        taken[kind.__name__] += done
        now = {name: (tmp_path / name).read_text() for name in files}
        if not done:
            assert now == files, f"{kind.__name__} {number} was refused, and changed something"
            continue
        assert kind is wrongly_compiled or unpack(publisher.body) in (unpack(good), unpack(_NEXT))
        assert read_routes(now[ROUTES]).hostnames
        publisher.body = good
        assert keeper.look(accept=True)

    assert taken["wrongly_compiled"] > 0, "the mutations are all too coarse"
    assert taken["cut"] == taken["emptied"] == 0


def document_of(number: int, good: bytes) -> bytes:
    """What is mutated: what is in place, or what comes next."""
    return good if number % 2 else _NEXT


_NEXT = document(6, 2)

"""Standbys by the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.services.base.actor import Actor
from tests.api.conftest import ApiClient
from tests.conftest import Person
from tests.services.standbys.standing_by import answer, ask
from tests.verification.moves import APP, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(owner: Person, platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield filled(made)


def test_a_standby_is_named_and_the_mapping_led_back(api: ApiClient, move: Move) -> None:
    mapping, target = move.mapping(), f"{move.new.url}/{APP}"
    path = f"mappings/{mapping.pk}"
    refused = api.send("put", f"{path}/standby", target=target)
    assert refused.status_code == 422
    assert "no clean report" in refused.json()["message"]
    move.report(mapping)

    named = api.send("put", f"{path}/standby", target=target, return_seconds=600).json()

    assert (named["standby"], named["standby_return_seconds"], named["failed_over_at"]) == (target, 600, None)
    assert api.send("post", f"{path}/fail-back", reason="r").status_code == 409
    answer(move, old=True, new=True)
    ask()
    answer(move, old=False)
    ask(3)
    assert api.get(path).json()["target"] == target
    answer(move, old=True)
    ask()
    back = api.send("post", f"{path}/fail-back", reason="mended").json()
    assert (back["target"], back["standby"]) == (f"{move.old.url}/{APP}", target)
    assert api.send("delete", f"{path}/standby").json()["standby"] == ""

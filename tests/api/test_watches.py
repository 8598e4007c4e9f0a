"""What drifted after a switch, by the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.services.base.actor import Actor
from tests.api.conftest import ApiClient
from tests.conftest import Person
from tests.services.standbys.standing_by import with_standby
from tests.services.watching.switched import compare, drifted
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(owner: Person, platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


def test_what_drifted_is_listed(api: ApiClient, move: Move) -> None:
    mapping = drifted(move)

    (row,) = api.get("watches", state="drift", mapping_id=mapping.pk).json()["items"]

    assert (row["source"], row["target"], row["former_target"]) == (
        f"{HOST}/{APP}",
        f"{move.new.url}/{APP}",
        f"{move.old.url}/{APP}",
    )
    assert (row["counts"], row["compared"], row["trouble"]) == ({"moved": 1}, 3, "")
    assert [(each["kind"], each["reference"]) for each in row["drift"]] == [("moved", "1.0")]
    assert api.get("watches", state="same").json()["items"] == []
    assert api.get("watches", mapping_id=mapping.pk + 1).json()["items"] == []


def test_what_a_standby_lacks_is_listed(api: ApiClient, move: Move) -> None:
    mapping = with_standby(move)
    move.old.put_image(APP, "3.0", "a new tag")
    compare()

    (row,) = api.get("watches", kind="standby").json()["items"]

    assert (row["kind"], row["mapping_id"], row["target"]) == ("standby", mapping.pk, f"{move.old.url}/{APP}")
    assert (row["standby"], row["former_target"], row["until"]) == (f"{move.new.url}/{APP}", None, None)
    assert (row["state"], row["counts"]) == ("drift", {"missing": 1})
    assert api.get("watches", kind="former").json()["items"] == []

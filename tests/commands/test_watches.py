"""facade mapping watches and show: what drifted after a switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.services.base.actor import Actor
from tests.commands.facade import facade
from tests.services.standbys.standing_by import with_standby
from tests.services.watching.switched import compare, drifted, switch
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


def test_without_a_repoint_nothing_is_compared() -> None:
    assert facade("mapping", "watches").out.startswith("No former target or standby is compared now.")


def test_what_drifted_is_listed(move: Move) -> None:
    drifted(move)

    line = facade("mapping", "watches", "--drifted").out.splitlines()[1]
    (facts,) = facade("mapping", "watches", "--json").json

    assert line.startswith(f"{HOST}/{APP}")
    assert "drift" in line.split()
    assert "moved 1" in line
    assert facts["former_target"] == f"{move.old.url}/{APP}"
    assert [(each["kind"], each["reference"]) for each in facts["drift"]] == [("moved", "1.0")]


def test_what_did_not_drift_is_not_among_those(move: Move) -> None:
    move.mapping()
    switch(move)
    compare()

    assert facade("mapping", "watches", "--drifted", "--json").json == []
    assert [each["state"] for each in facade("mapping", "watches", "--json").json] == ["same"]


def test_a_mapping_is_shown_with_it(move: Move) -> None:
    mapping = drifted(move)

    said = facade("mapping", "show", HOST, APP)
    facts = facade("mapping", "show", HOST, APP, "--json").json

    drift = f"The former target {move.old.url}/{APP} has drifted from {mapping.target} since "
    assert any(line.startswith(drift) for line in said.out.splitlines())
    assert any(line.startswith(f"  moved: {HOST}/{APP}:1.0 (there sha256:") for line in said.out.splitlines())
    assert facts["watch"]["counts"] == {"moved": 1}


def test_what_a_standby_lacks_is_listed_and_shown(move: Move) -> None:
    with_standby(move)
    move.old.put_image(APP, "3.0", "a new tag")
    compare()

    line = facade("mapping", "watches", "--drifted").out.splitlines()[1]
    (facts,) = facade("mapping", "watches", "--json").json
    said = facade("mapping", "show", HOST, APP)
    shown = facade("mapping", "show", HOST, APP, "--json").json

    assert line.split()[:4] == [f"{HOST}/{APP}", f"{move.old.url}/{APP}", f"{move.new.url}/{APP}", "standby"]
    assert (facts["kind"], facts["standby"], facts["former_target"]) == ("standby", f"{move.new.url}/{APP}", None)
    told = f"The standby {move.new.url}/{APP} has not had all that {move.old.url}/{APP} has since "
    assert any(each.startswith(told) and "it was last compared on" in each for each in said.out.splitlines())
    assert (shown["watch"], shown["standby_watch"]["counts"]) == (None, {"missing": 1})

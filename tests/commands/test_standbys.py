"""facade mapping standby, fail-back and show: where a mapping leads while its registry does not answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.models import Mapping
from routing.services.base.actor import Actor
from tests.commands.facade import facade
from tests.services.standbys.standing_by import answer, ask, with_standby
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield made


def test_a_standby_is_named_and_taken_away(move: Move) -> None:
    target = f"{move.new.url}/{APP}"
    mapping = filled(move).mapping()
    refused = facade("mapping", "standby", HOST, APP, target)
    assert refused.status != 0
    assert f"Make one first (facade verify {HOST} {APP} --to {target})" in refused.err
    move.report(mapping)

    said = facade("mapping", "standby", HOST, APP, target, "--return-after", "600")
    facts = facade("mapping", "show", HOST, APP, "--json").json

    assert f"Named {target} as the standby of {HOST}/{APP}" in said.out.splitlines()
    assert (facts["standby"], facts["standby_return_seconds"], facts["failed_over_at"]) == (target, 600, None)
    assert "is its standby no longer" in facade("mapping", "standby", HOST, APP, "--none").out
    assert "has no standby" in facade("mapping", "standby", HOST, APP, "--none").out
    assert facade("mapping", "show", HOST, APP, "--json").json["standby"] is None


def test_either_a_target_or_none(move: Move) -> None:
    move.mapping()

    assert "give a TARGET, or --none" in facade("mapping", "standby", HOST, APP).err
    assert "give a TARGET, or --none" in facade("mapping", "standby", HOST, APP, "ghcr.io/acme", "--none").err


def test_it_is_led_back(move: Move) -> None:
    with_standby(move)
    ask()
    answer(move, old=False)
    ask(3)
    assert "failed over" in facade("mapping", "show", HOST, APP).out
    answer(move, old=True)
    ask()

    said = facade("mapping", "fail-back", HOST, APP, "--reason", "mended")

    assert f"Led {HOST}/{APP} back from {move.new.url}/{APP} to {move.old.url}/{APP}" in said.out
    assert Mapping.objects.get().failed_over_at is None

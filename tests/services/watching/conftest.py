from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.services.base.actor import Actor
from tests.verification.moves import Move, a_move


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield made

"""A mapping's page says what drifted after a switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Mapping
from routing.services.base.actor import Actor
from tests.admin.conftest import AdminClient, text_of
from tests.services.watching.switched import compare, drifted, switch
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    with a_move(settings, platform) as made:
        yield filled(made)


@pytest.fixture
def admin(db: None) -> AdminClient:
    return AdminClient(get_user_model().objects.create_superuser("olga"))


def page(admin: AdminClient, mapping: Mapping) -> str:
    return text_of(admin.get("mapping_change", mapping.pk))


def test_drift_is_a_warning(admin: AdminClient, move: Move) -> None:
    mapping = drifted(move)

    shown = page(admin, mapping)

    assert f"The former target {move.old.url}/{APP} has drifted from {mapping.target} since " in shown
    assert f"moved: {HOST}/{APP}:1.0 (there sha256:" in shown


def test_without_drift_it_says_what_was_compared(admin: AdminClient, move: Move) -> None:
    mapping = move.mapping()
    assert "What drifted" not in page(admin, mapping)
    assert "it is compared until" not in page(admin, mapping)
    switch(move)
    compare()

    assert f"Nothing drifted at the former target {move.old.url}/{APP}, of 3 references" in page(admin, mapping)
    assert "it is compared until" in page(admin, mapping)

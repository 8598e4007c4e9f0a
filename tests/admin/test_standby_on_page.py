"""A mapping's page says what its standby is, and that it has failed over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.services.base.actor import Actor
from tests.admin.conftest import AdminClient, text_of
from tests.services.standbys.standing_by import answer, ask, with_standby
from tests.services.watching.switched import compare
from tests.verification.moves import APP, HOST, Move, a_move

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield made


def test_the_standby_and_the_switch_are_told(move: Move, db: None) -> None:
    admin = AdminClient(get_user_model().objects.create_superuser("olga"))
    mapping = with_standby(move)
    assert f"standby {move.new.url}/{APP} takes over where" in text_of(admin.get("mapping_change", mapping.pk))
    ask()
    answer(move, old=False)
    ask(3)

    shown = text_of(admin.get("mapping_change", mapping.pk))

    assert f"this points to its standby, as {move.old.url}/{APP} did not answer." in shown


def test_what_the_standby_lacks_is_a_warning(move: Move, db: None) -> None:
    admin = AdminClient(get_user_model().objects.create_superuser("olga"))
    mapping = with_standby(move)
    compare()
    shown = text_of(admin.get("mapping_change", mapping.pk))
    assert f"compared The standby {move.new.url}/{APP} has what {move.old.url}/{APP} has, of 3 references" in shown
    move.old.put_image(APP, "3.0", "a new tag")
    compare()

    shown = text_of(admin.get("mapping_change", mapping.pk))

    assert f"drift The standby {move.new.url}/{APP} has not had all that {move.old.url}/{APP} has since " in shown
    assert f"missing: {HOST}/{APP}:3.0 (target sha256:" in shown
    opening = text_of(admin.client.get("/admin/"))
    assert f"{HOST}/{APP} its standby {move.new.url}/{APP} does not have all that it has" in opening

"""A mapping's page says what drifted after a switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Mapping, Watch
from routing.services.base.actor import Actor
from tests.admin.conftest import AdminClient, text_of
from tests.conftest import Person
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


def test_the_overview_names_mappings_to_whose_former_target_somebody_pushes(
    admin: AdminClient, move: Move, outsider: Person
) -> None:
    mapping = drifted(move)
    said = f"{HOST}/{APP} somebody still pushes to its former target {move.old.url}/{APP}"

    assert said in text_of(admin.client.get("/admin/"))
    assert "former target" not in text_of(AdminClient(outsider.user).client.get("/admin/"))
    # One that was pushed to the new one alone is as it should be.
    Watch.objects.filter(mapping=mapping).update(counts={"differs": 1})
    assert "former target" not in text_of(admin.client.get("/admin/"))

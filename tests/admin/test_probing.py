"""Probes that the admin starts: they end beside the request, so these tests commit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Registry
from tests.admin.conftest import Desk, messages_of
from tests.registries.sick_server import SickServer
from tests.registries.small_registry import SmallRegistry
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Settings) -> Iterator[SickServer]:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    server = SickServer()
    SmallRegistry(server, auth="bearer")
    yield server
    server.stop()


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    return Desk(get_user_model().objects.create_superuser("olga"))


def auth_of(origin: str) -> str:
    return Registry.objects.get(origin=origin).auth


def test_a_new_registry_is_asked_what_it_wants(desk: Desk, server: SickServer, settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = True

    desk.fill("registry_add", name="Ours", origin=server.url)

    until(lambda: auth_of(server.url) == "bearer", "the new registry has been probed")


def test_registries_are_asked_on_demand(desk: Desk, server: SickServer) -> None:
    desk.fill("registry_add", name="Ours", origin=server.url)
    assert auth_of(server.url) == "unknown"
    chosen = Registry.objects.get(origin=server.url).pk

    answer = desk.client.post(desk.url("registry_changelist"), {"action": "probe_again", "_selected_action": [chosen]})

    assert messages_of(answer).startswith(f"Asking {server.url}.")
    until(lambda: auth_of(server.url) == "bearer", "the chosen registry has been probed")

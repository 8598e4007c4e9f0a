"""Probes that the admin starts: they end beside the request, so these tests commit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Registry
from tests.admin.conftest import AdminClient, messages_of
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Settings) -> Iterator[FaultyServer]:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    server = FaultyServer()
    SmallRegistry(server, auth="bearer")
    yield server
    server.stop()


@pytest.fixture
def admin(transactional_db: None) -> AdminClient:
    return AdminClient(get_user_model().objects.create_superuser("olga"))


def auth_of(origin: str) -> str:
    return Registry.objects.get(origin=origin).auth


def test_a_new_registry_is_asked_what_it_wants(admin: AdminClient, server: FaultyServer, settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = True

    admin.fill("registry_add", name="Ours", origin=server.url)

    until(lambda: auth_of(server.url) == "bearer", "the new registry has been probed")


def test_registries_are_asked_on_demand(admin: AdminClient, server: FaultyServer) -> None:
    admin.fill("registry_add", name="Ours", origin=server.url)
    assert auth_of(server.url) == "unknown"
    chosen = Registry.objects.get(origin=server.url).pk

    answer = admin.client.post(
        admin.url("registry_changelist"), {"action": "probe_again", "_selected_action": [chosen]}
    )

    assert messages_of(answer).startswith(f"Asking {server.url}.")
    until(lambda: auth_of(server.url) == "bearer", "the chosen registry has been probed")

"""Probes that the admin asks for: they are done beside the request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Registry
from tests.admin.conftest import AdminClient, messages_of
from tests.jobs_done import do_jobs
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Settings) -> Iterator[FaultyServer]:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    server = FaultyServer()
    SmallRegistry(server, auth="bearer")
    yield server
    server.stop()


@pytest.fixture
def admin(db: None) -> AdminClient:
    return AdminClient(get_user_model().objects.create_superuser("olga"))


def auth_of(origin: str) -> str:
    return Registry.objects.get(origin=origin).auth


def test_a_new_registry_is_asked_what_it_wants(admin: AdminClient, server: FaultyServer, settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = True

    admin.fill("registry_add", name="Ours", origin=server.url)

    assert auth_of(server.url) == "unknown"
    do_jobs()
    assert auth_of(server.url) == "bearer"


def test_registries_are_asked_on_demand(admin: AdminClient, server: FaultyServer) -> None:
    admin.fill("registry_add", name="Ours", origin=server.url)
    assert auth_of(server.url) == "unknown"
    chosen = Registry.objects.get(origin=server.url).pk

    answer = admin.client.post(
        admin.url("registry_changelist"), {"action": "probe_again", "_selected_action": [chosen]}
    )

    assert messages_of(answer).startswith(f"Probing {server.url}.")
    do_jobs()
    assert auth_of(server.url) == "bearer"


def test_who_has_asked_for_too_many_is_told_when_to_come_back(admin: AdminClient, settings: Settings) -> None:
    settings.FACADE_MAX_CHECKS_PER_MINUTE = 1
    chosen = list(Registry.objects.values_list("pk", flat=True)[:2])
    assert len(chosen) == 2

    answer = admin.client.post(admin.url("registry_changelist"), {"action": "probe_again", "_selected_action": chosen})

    assert messages_of(answer).startswith("Too many checks: 1 in a minute at most.")

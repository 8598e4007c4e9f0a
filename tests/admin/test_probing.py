"""Probes that the admin asks for: they are done beside the request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from routing.models import Mapping, Registry
from routing.services.mappings.mappings import update_mapping
from tests.admin.conftest import SET_UP, AdminClient, add, messages_of, text_of
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


class TestProbeNow:
    """The button on the pages of one mapping, or one registry. What is found is told at once."""

    def test_of_a_mapping(self, admin: AdminClient, server: FaultyServer) -> None:
        mapping = add("docker.acme.com", "acme", f"{server.url}/acme")
        page = admin.client.get(admin.url("mapping_change", mapping.pk))
        assert "Probe now" in text_of(page)
        assert "was never probed" in text_of(page)

        answer = admin.client.post(admin.url("mapping_probe", mapping.pk), {"version": mapping.version})

        assert answer.headers["Location"] == admin.url("mapping_change", mapping.pk)
        assert f"✓ Registry: {server.url} answers" in messages_of(answer)
        assert auth_of(server.url) == "bearer"
        assert "was last probed" in text_of(admin.client.get(answer.headers["Location"]))

    def test_of_a_registry(self, admin: AdminClient, server: FaultyServer) -> None:
        admin.fill("registry_add", name="Ours", origin=server.url)
        pk = Registry.objects.get(origin=server.url).pk

        answer = admin.client.post(admin.url("registry_probe", pk))

        assert messages_of(answer) == f"Probed {server.url}: it asks for a token."
        server.stop()
        answer = admin.client.post(admin.url("registry_probe", pk))
        assert messages_of(answer).startswith(f"The probe of {server.url} failed: ")

    def test_a_page_that_is_not_of_now_asks_nobody(self, admin: AdminClient, server: FaultyServer) -> None:
        mapping = add("docker.acme.com", "acme", f"{server.url}/acme")
        shown = mapping.version
        update_mapping(SET_UP, "moved", mapping_id=mapping.pk, target=f"{server.url}/other")

        answer = admin.client.post(admin.url("mapping_probe", mapping.pk), {"version": shown})

        assert "Somebody else changed" in messages_of(answer)
        assert Mapping.objects.get().registry.probed_at is None

    def test_over_the_rate_it_is_told_when_to_come_back(self, admin: AdminClient, settings: Settings) -> None:
        settings.FACADE_MAX_CHECKS_PER_MINUTE = 0
        mapping = add("docker.acme.com", "acme", "ghcr.io/acme")

        answer = admin.client.post(admin.url("mapping_probe", mapping.pk))

        assert messages_of(answer).startswith("Too many checks: 0 in a minute at most.")

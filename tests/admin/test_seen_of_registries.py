"""What workers saw of registries stands on the pages: limits on the registry's, outages on the mapping's."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from routing.manifest_store.sightings import sightings
from routing.models import Mapping, Registry
from tests.admin.conftest import AdminClient, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_seen(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    sightings.forget()


def test_the_registrys_page_tells_what_it_gives_yet(admin: AdminClient, mapping: Mapping) -> None:
    registry = Registry.objects.get(pk=mapping.registry_id)
    assert "so many more manifests" not in text_of(admin.get("registry_change", registry.pk))

    sightings.see_limit(registry.origin, 76, 100, 21_600)
    said = text_of(admin.get("registry_change", registry.pk))
    assert "it gives this facade's address so many more manifests: 76 of 100 in 6 h, as it said just now." in said

    sightings.see_limit(registry.origin, 1234, 0, 0)
    assert "more manifests: 1,234, as it said just now." in text_of(admin.get("registry_change", registry.pk))


def test_the_mappings_page_tells_of_an_outage(admin: AdminClient, mapping: Mapping) -> None:
    assert "could not answer" not in text_of(admin.get("mapping_change", mapping.pk))

    sightings.see_stale("docker.acme.com", "acme")

    said = text_of(admin.get("mapping_change", mapping.pk))
    assert "ghcr.io could not answer, so manifests came from the facade's memory, last just now." in said

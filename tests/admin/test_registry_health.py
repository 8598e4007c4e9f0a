"""A registry's page shows how it answered: as a strip, as a table, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.manifest_store.sightings import sightings
from routing.models import Mapping, Registry
from tests.admin.conftest import AdminClient, text_of
from tests.services.answered import answered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_seen(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    sightings.forget()


@pytest.fixture
def registry(mapping: Mapping) -> Registry:
    return Registry.objects.get(pk=mapping.registry_id)


def cells(page: str) -> list[str]:
    return re.findall(r'<rect class="cell (\w+)" x=', page)


def test_the_strip_has_a_cell_for_each_hour_or_day(admin: AdminClient, registry: Registry) -> None:
    answered(registry, 2)
    answered(registry, 1, trouble="no answer")

    page = admin.get("registry_change", registry.pk)
    by_day = admin.get("registry_change", registry.pk, by="day")

    drawn = cells(page.content.decode())
    assert len(drawn) == 168
    assert drawn[-3:] == ["all", "none", "unknown"]
    assert len(cells(by_day.content.decode())) == 90
    assert "1 answered, 0 some trouble, 1 trouble, 166 not asked" in page.content.decode()


def test_a_cell_tells_trouble_by_its_height_too(admin: AdminClient, registry: Registry) -> None:
    answered(registry, 2)
    answered(registry, 1, trouble="no answer")

    page = admin.get("registry_change", registry.pk).content.decode()

    drawn = dict(re.findall(r'class="cell (\w+)" x="\d+" y="\d+" width="8" height="(\d+)"', page))
    assert int(drawn["unknown"]) < int(drawn["all"]) < int(drawn["none"])


def test_the_file_has_every_hour(admin: AdminClient, registry: Registry) -> None:
    answered(registry, 0, trouble="=HYPERLINK(1)")

    answer = admin.get("registry_health", registry.pk, by="hour")
    rows = list(csv.reader(io.StringIO(answer.content.decode())))

    assert answer["Content-Disposition"] == f'attachment; filename="health-{registry.pk}-hour.csv"'
    assert len(rows) == 1 + 168
    assert rows[-1][1:4] == ["trouble", "1", "1"]
    # No formula.
    assert rows[-1][-1] == "'=HYPERLINK(1)"


def test_the_page_says_what_it_is_what_is_wrong_and_who_uses_it(
    admin: AdminClient, registry: Registry, mapping: Mapping
) -> None:
    Registry.objects.filter(pk=registry.pk).update(
        probe_error="ghcr.io did not answer", probed_at="2026-11-20T10:00:00Z", auth="bearer"
    )
    sightings.see_refusal(registry.origin, 30)

    said = text_of(admin.get("registry_change", registry.pk))

    assert "State trouble" in said
    assert "ghcr.io did not answer. Pulls by 1 mapping may fail meanwhile: check the address" in said
    assert "It refused a request for there being too many (status 429) just now, and asked to wait for 30 s." in said
    assert f"Who uses it Tenant Mappings Hostnames {mapping.hostname.tenant.name} 1 1" in said


def test_who_may_only_look_sees_it_without_the_buttons(
    admin: AdminClient, registry: Registry, member: object, mapping: Mapping
) -> None:
    answered(registry, 0)
    viewer = member(mapping.hostname.tenant, "viewer")  # type: ignore[operator]

    page = viewer.get("registry_change", registry.pk)

    assert len(cells(page.content.decode())) == 168
    assert "Probe now" not in text_of(page)
    assert "Probe now" in text_of(admin.get("registry_change", registry.pk))


def test_of_one_that_was_never_asked_the_table_says_what_to_do(admin: AdminClient, registry: Registry) -> None:
    said = text_of(admin.get("registry_change", registry.pk))

    assert "State not asked yet" in said
    assert "“Probe now” asks at once" in said

"""The history pages tell what a mapping, a hostname and a tenant pointed to at a time, in the viewer's own zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from routing.admin.base.as_of import moment_of
from routing.models import Mapping, Tenant
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import remove_mappings, repoint
from tests.admin.conftest import SET_UP, AdminClient, add, text_of

Member = Callable[[Tenant, str], AdminClient]


@pytest.fixture
def moved(mapping: Mapping) -> tuple[Mapping, datetime]:
    """Repointed since the time that is given."""
    entry = mapping.history.latest()
    then = datetime.now(UTC) - timedelta(days=2)
    type(entry).objects.filter(history_id=entry.history_id).update(history_date=then - timedelta(days=1))
    for row in (mapping.hostname, mapping.registry):
        row.history.update(history_date=then - timedelta(days=1))
    repoint(SET_UP, "cheaper", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    return mapping, then


def shown(admin: AdminClient, noun: str, pk: int, at: datetime, **query: str) -> str:
    return text_of(admin.get(f"{noun}_history", pk, at=f"{at:%Y-%m-%dT%H:%M}", **query))


@pytest.mark.parametrize("noun", ["mapping", "hostname", "tenant"])
def test_it_tells_what_stood_then(admin: AdminClient, moved: tuple[Mapping, datetime], noun: str) -> None:
    mapping, then = moved
    pk = {"mapping": mapping.pk, "hostname": mapping.hostname_id, "tenant": mapping.hostname.tenant_id}[noun]

    assert "docker.acme.com/acme ghcr.io/acme enabled" in shown(admin, noun, pk, then)
    assert "docker.acme.com/acme quay.io/acme enabled" in shown(admin, noun, pk, then + timedelta(days=3))
    assert "it pointed to nothing" in shown(admin, noun, pk, then - timedelta(days=9))


def test_a_mapping_is_told_alone_and_also_once_it_is_gone(admin: AdminClient, moved: tuple[Mapping, datetime]) -> None:
    mapping, then = moved
    add("docker.acme.com", "other", "ghcr.io/other")
    remove_mappings(SET_UP, "moved away", mapping_ids=[mapping.pk])

    assert "docker.acme.com/acme ghcr.io/acme enabled" in shown(admin, "mapping", mapping.pk, then)
    later = shown(admin, "mapping", mapping.pk, then + timedelta(days=3))
    assert "it pointed to nothing" in later
    assert "docker.acme.com/other" not in later


def test_a_time_is_in_the_viewers_zone() -> None:
    noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert moment_of("2026-03-03T13:00", "60") == noon
    assert moment_of("2026-03-03T08:00", "-240") == noon
    assert moment_of("2026-03-03 12:00", "") == noon


@pytest.mark.parametrize("typed", ["yesterday", "0001-01-01T00:00", "9999-12-31T23:59", "\u0661", "2026-02-30T00:00"])
def test_what_is_no_time_is_refused(admin: AdminClient, mapping: Mapping, typed: str) -> None:
    page = admin.get("mapping_history", mapping.pk, at=typed, minutes="-840" if typed.startswith("9") else "840")

    assert page.status_code == 200
    assert "Type a time such as" in text_of(page)


@pytest.mark.parametrize("minutes", ["841", "x", "--1", "9" * 40])
def test_so_is_what_is_no_zone(minutes: str) -> None:
    with pytest.raises(ServiceError, match="no such time zone"):
        moment_of("2026-03-03T13:00", minutes)


def test_a_registry_points_to_nothing(admin: AdminClient, mapping: Mapping) -> None:
    assert "at a time" not in text_of(admin.get("registry_history", mapping.registry_id))


def test_who_may_only_look_is_told_too(member: Member, moved: tuple[Mapping, datetime]) -> None:
    mapping, then = moved
    page = shown(member(mapping.hostname.tenant, "viewer"), "mapping", mapping.pk, then)

    assert "docker.acme.com/acme ghcr.io/acme enabled" in page

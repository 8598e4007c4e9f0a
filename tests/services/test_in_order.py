"""Rows are listed in their order a page at a time."""

from __future__ import annotations

import pytest

from routing.models import Hostname, Tenant
from routing.services.base import in_order
from routing.services.base.in_order import rows_in_order

pytestmark = pytest.mark.django_db
COUNTS = {"initech": 3, "acme": 4, "globex": 1, "empty": 0}


@pytest.fixture(autouse=True)
def _some() -> None:
    for slug, count in COUNTS.items():
        tenant = Tenant.objects.create(slug=slug, name=slug)
        for number in reversed(range(count)):
            Hostname.objects.create(tenant=tenant, name=f"r{number}.{slug}.com")


@pytest.mark.parametrize("page", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("field", ["name", "tenant__slug", "pk"])
def test_they_come_in_order_and_each_once(page: int, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many have the same value, and a page ends within these."""
    monkeypatch.setattr(in_order, "_PAGE_ROWS", page)

    found = list(rows_in_order(Hostname.objects.select_related("tenant"), field))

    assert found == list(Hostname.objects.order_by(field, "pk"))
    assert len(found) == sum(COUNTS.values())


def test_of_none_there_are_none() -> None:
    assert list(rows_in_order(Hostname.objects.filter(name="no.acme.com"), "name")) == []

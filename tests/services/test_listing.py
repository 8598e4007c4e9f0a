"""Mappings are listed in their order a page at a time, and a longer list takes no more memory."""

from __future__ import annotations

import tracemalloc
from io import StringIO

import pytest
from django.core.management import call_command

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.mappings import listing
from routing.services.mappings.listing import mappings_in_order

pytestmark = pytest.mark.django_db


class Nowhere(StringIO):
    def write(self, text: str) -> int:
        return len(text)


def fill(name: str, count: int) -> Hostname:
    """A hostname with so many mappings."""
    tenant, _ = Tenant.objects.get_or_create(slug="acme", defaults={"name": "Acme"})
    registry = Registry.objects.get(origin="https://ghcr.io")
    hostname = Hostname.objects.create(tenant=tenant, name=name)
    Mapping.objects.bulk_create(
        Mapping(hostname=hostname, prefix=f"app-{number}", registry=registry, upstream_prefix=f"acme/app-{number}")
        for number in range(count)
    )
    return hostname


@pytest.mark.parametrize("pages", [(1, 1), (2, 3), (3, 4), (100, 100)])
def test_they_come_in_order_and_each_once(pages: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_HOSTNAMES", pages[0])
    monkeypatch.setattr(listing, "_MAPPINGS", pages[1])
    for number, count in enumerate((3, 0, 1, 7, 4, 0, 0, 0, 2)):
        fill(f"host-{number}.acme.com", count)

    listed = [mapping.source for mapping in mappings_in_order(Hostname.objects.all())]

    assert listed == [mapping.source for mapping in Mapping.objects.select_related("hostname")]
    assert len(set(listed)) == 17
    some = Hostname.objects.filter(name__in=("host-3.acme.com", "host-8.acme.com"))
    assert len(list(mappings_in_order(some))) == 9


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_list_of_ten_times_as_many_takes_no_more_memory(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_MAPPINGS", 100)

    def most() -> int:
        tracemalloc.start()
        try:
            call_command("list_mappings", *options, stdout=Nowhere())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    fill("one.acme.com", 300)
    most()
    before = most()
    fill("two.acme.com", 3000)

    assert most() < 2 * before

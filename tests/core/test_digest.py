"""A table's digest: the same for equal tables, in every process and whatever their past; another for every other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Change, HostEntry, RegistryEntry, State, Table, TenantEntry, digest_of

TENANTS = [("1", TenantEntry("Acme")), ("2", TenantEntry("Globex", "unpaid"))]
REGISTRIES = [("1", RegistryEntry("https://ghcr.io", "GHCR", auth="bearer"))]
HOSTS = [("a.example", HostEntry("1")), ("b.example", HostEntry("2", enabled=False))]
MAPPINGS = [("a.example/x", MappingEntry("1", "y", 1)), ("a.example/", MappingEntry("1", "", 1))]


def built(
    tenants: list[tuple[str, TenantEntry]] = TENANTS,
    registries: list[tuple[str, RegistryEntry]] = REGISTRIES,
    hosts: list[tuple[str, HostEntry]] = HOSTS,
    mappings: list[tuple[str, MappingEntry]] = MAPPINGS,
) -> Table:
    return Table.build(Policy(), 1, tenants, registries, hosts, mappings)


def test_the_order_of_entries_makes_no_difference() -> None:
    assert built(TENANTS[::-1], REGISTRIES, HOSTS[::-1], MAPPINGS[::-1]).digest == built().digest == digest_of(built())


@pytest.mark.parametrize(
    "other",
    [
        built(tenants=TENANTS[:1]),
        built(tenants=[TENANTS[0], ("2", TenantEntry("Globex"))]),
        built(registries=[("1", REGISTRIES[0][1]._replace(auth="none"))]),
        built(registries=[("1", REGISTRIES[0][1]._replace(stream_blobs=True))]),
        built(hosts=[HOSTS[0], ("b.example", HostEntry("2"))]),
        built(hosts=[("a.example", HOSTS[1][1]), ("b.example", HOSTS[0][1])]),
        built(mappings=[*MAPPINGS[1:], ("a.example/x", MappingEntry("1", "y", 0))]),
        built(mappings=[*MAPPINGS[1:], ("b.example/x", MappingEntry("1", "y", 1))]),
        built(mappings=[*MAPPINGS, ("a.example/z", MappingEntry("1", "z", 1))]),
    ],
)
def test_each_difference_makes_another(other: Table) -> None:
    assert other.digest != built().digest


def test_a_change_and_its_undoing_lead_back() -> None:
    was = {"registry": "1", "upstream_prefix": "y", "flags": 1}
    changes = [Change(2, "mapping", "a.example/x", None, 5), Change(3, "mapping", "a.example/x", was, 6)]
    trail: dict[State, int] = {}

    table = built().apply(changes, trail)

    assert table.digest == built().digest
    assert trail == {State(2, 5): built(mappings=MAPPINGS[1:]).digest, State(3, 6): built().digest}


def test_every_process_comes_to_the_same() -> None:
    """A text's own hash differs from process to process."""
    program = "from tests.core.test_digest import built; print(built().digest)"
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert said == [f"{built().digest}\n"] * 2

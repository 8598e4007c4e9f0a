"""What the mappings of a hostname lead to, counted by kinds of mapping."""

from __future__ import annotations

from itertools import permutations

import pytest

from routing.core.table import host_registries
from routing.core.table.host_registries import (
    EMPTY_UPSTREAM_PREFIX,
    NAME_DIFFERS,
    HostRegistriesBuilder,
    MappingClass,
    mapping_classes,
    mapping_classes_of,
    with_count,
)
from routing.core.table.mapping_entry import Flag, MappingEntry, encode


@pytest.mark.parametrize(
    ("prefix", "upstream", "flags"),
    [
        ("acme", "acme", 0),
        ("acme/app", "acme/app", 0),
        ("acme", "other", NAME_DIFFERS),
        ("acme", "", NAME_DIFFERS | EMPTY_UPSTREAM_PREFIX),
        ("", "", EMPTY_UPSTREAM_PREFIX),
        ("", "library", NAME_DIFFERS),
    ],
)
def test_a_kind_says_whether_names_differ_and_whether_the_whole_registry_is_mapped(
    prefix: str, upstream: str, flags: int
) -> None:
    (kind,) = mapping_classes_of(prefix, encode(prefix, MappingEntry("7", upstream, Flag.ENABLED)))

    assert list(mapping_classes(((kind, 1),))) == [MappingClass("7", Flag.ENABLED | flags, "")]


def test_the_order_of_mappings_makes_no_difference() -> None:
    entries = [MappingEntry("1", "a", Flag.ENABLED), MappingEntry("2", "b", Flag.ENABLED), MappingEntry("1", "a", 0)]
    counters = [HostRegistriesBuilder() for _ in permutations(entries)]
    for counter, order in zip(counters, permutations(entries), strict=True):
        for entry in order:
            counter.add("docker.acme.com", mapping_classes_of("a", encode("a", entry)))

    assert len({counter.host_registries["docker.acme.com"] for counter in counters}) == 1


def test_hostnames_that_look_alike_share_one_object() -> None:
    counter = HostRegistriesBuilder()
    for host in ("a.example", "b.example"):
        counter.add(host, ("kind",))
        counter.add(host, ("kind",))

    assert counter.host_registries["a.example"] is counter.host_registries["b.example"]
    assert counter.host_registries["a.example"] == (("kind", 2),)


def test_what_it_knows_is_bounded_and_never_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_registries, "_MAX_KNOWN", 2)
    counter = HostRegistriesBuilder()
    for kind in ("a", "b", "c", "a", "b", "c"):
        counter.add("a.example", (kind,))
        assert len(counter._next) <= 2

    assert counter.host_registries["a.example"] == (("a", 2), ("b", 2), ("c", 2))


def test_a_kind_that_does_not_occur_any_more_is_gone() -> None:
    assert with_count((("a", 1), ("b", 2)), "a", -1) == (("b", 2),)
    assert with_count((("b", 2),), "b", -1) == (("b", 1),)

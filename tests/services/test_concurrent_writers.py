"""Several writers at once: every change gets its own generation, and they appear in order, without a gap."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from routing.models import Change, Generation, Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping, repoint
from tests.concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 4
EACH = 6


def test_generations_have_no_gap_and_no_double(platform: Actor) -> None:
    def writer(number: int) -> Callable[[], object]:
        def write() -> None:
            for turn in range(EACH):
                name = f"w{number}-{turn}"
                add_mapping(platform, "", hostname=f"{name}.example", prefix=name, target=f"quay.io/{name}")

        return write

    # Makes what all of them share: the tenant, and the registry where another test's end has removed it.
    add_mapping(platform, "", hostname="first.example", prefix="", target="quay.io/first")
    before = Generation.objects.get(pk=1).value
    seen: list[list[int]] = []
    stop = threading.Event()

    def follow() -> None:
        """Look at the log as a worker does, all the time."""
        while not stop.is_set():
            seen.append(list(Change.objects.values_list("generation", flat=True)))

    def write_all() -> None:
        try:
            assert at_once([writer(number) for number in range(WRITERS)]) == []
        finally:
            stop.set()

    assert at_once([follow, write_all]) == []

    newest = Generation.objects.get(pk=1).value
    # A hostname and a mapping each.
    assert newest == before + 2 * WRITERS * EACH
    assert list(Change.objects.values_list("generation", flat=True)) == list(range(1, newest + 1))
    # Whoever saw generation n saw all before it: none ever appears late.
    assert all(generations == list(range(1, len(generations) + 1)) for generations in seen)
    assert len(seen) > 1


def test_of_two_who_add_the_same_one_does_and_the_other_finds_it_done(platform: Actor) -> None:
    changed: list[bool] = []

    def add() -> None:
        changed.append(add_mapping(platform, "", hostname="a.example", prefix="x", target="ghcr.io/x").changed)

    assert at_once([add] * WRITERS) == []

    assert Mapping.objects.count() == Hostname.objects.count() == 1
    assert sorted(changed) == [False] * (WRITERS - 1) + [True]


def test_repoints_at_once_come_one_after_the_other(platform: Actor) -> None:
    mapping = add_mapping(platform, "", hostname="a.example", prefix="x", target="ghcr.io/x").mapping
    names = [f"team{number}" for number in range(WRITERS)]

    def task(name: str) -> Callable[[], object]:
        return lambda: repoint(platform, name, hostname="a.example", prefix="x", target=f"quay.io/{name}")

    assert at_once([task(name) for name in names]) == []

    entries = [row.entry["upstream_prefix"] for row in Change.objects.filter(kind="mapping") if row.entry]
    assert sorted(entries) == sorted(["x", *names])
    mapping.refresh_from_db()
    assert mapping.upstream_prefix == entries[-1]
    history = list(mapping.history.order_by("history_id").values_list("upstream_prefix", flat=True))
    assert history == entries


def test_a_hostname_and_a_registry_at_it_do_not_both_come_to_be(platform: Actor) -> None:
    """Each is refused once the other is there; begun at the same moment, still only one is."""
    tasks: list[Callable[[], object]] = [
        lambda: add_mapping(platform, "", hostname="r.example", prefix="x", target="quay.io/x"),
        lambda: add_mapping(platform, "", hostname="a.example", prefix="x", target="r.example/x"),
    ]

    raised = at_once(tasks)

    assert [type(error) for error in raised] == [ServiceError]
    assert Mapping.objects.count() == 1

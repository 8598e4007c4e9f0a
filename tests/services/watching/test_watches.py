"""After a switch the former target goes on being compared: what counts as drift, when it is looked for, how it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.jobs.kinds import WATCHES
from routing.management.maintenance import TASKS, do, tell_workers
from routing.models import Delivery, Job, Mapping, PullCount, Registry, Watch
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.mappings import remove_mappings, repoint, switch_mappings, update_mapping
from routing.services.registries.registries import remove_registry
from routing.services.telling.subscriptions import add_subscription
from routing.services.watching.looking import Drift, Look
from routing.services.watching.reading import count_drifted, words_of
from routing.services.watching.watches import WATCH, _Found, watch_due
from tests.conftest import Person
from tests.jobs_done import do_jobs
from tests.registries.small_registry import digest_of
from tests.services.watching.switched import compare, switch
from tests.verification.moves import APP, HOST, Move, filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def moved(move: Move) -> Move:
    """The mapping was moved to a registry that has the same, and all was compared once."""
    filled(move).mapping()
    switch(move)
    compare()
    return move


def found_in(row: Watch) -> list[tuple[str, str]]:
    return [(kind, reference) for kind, _, reference, _, _ in row.drift]


def test_nothing_drifts_where_both_have_the_same(moved: Move) -> None:
    row = Watch.objects.with_names().get()

    assert (row.state, row.drift, row.counts, row.trouble) == ("same", [], {}, "")
    assert row.compared == 3
    assert row.target == f"{moved.old.url}/{APP}"
    assert words_of(row).text.startswith(f"Nothing drifted at the former target {row.target}, of 3 references; ")
    assert not words_of(row).warns


def test_it_asks_for_no_manifest_with_get(moved: Move) -> None:
    assert moved.old.gets_of_manifests() == moved.new.gets_of_manifests() == 0


def test_a_tag_that_moved_at_the_former_target_is_drift(moved: Move) -> None:
    digest = moved.old.put_image(APP, "1.0", "pushed to the old one")

    row = compare()

    assert (row.state, row.counts) == ("drift", {"moved": 1})
    assert row.drift == [["moved", f"{HOST}/{APP}", "1.0", digest, digest_of(moved.new.manifests[APP]["1.0"][1])]]
    words = words_of(row)
    assert words.warns
    assert words.drift == [f"moved: {HOST}/{APP}:1.0 (there {digest[:19]}, here {row.drift[0][4][:19]})"]


def test_a_tag_that_appeared_at_the_former_target_is_drift(moved: Move) -> None:
    moved.old.put_image(APP, "3.0", "third")

    assert found_in(compare()) == [("appeared", "3.0")]
    # And stays it.
    assert found_in(compare()) == [("appeared", "3.0")]


def test_a_tag_that_moved_at_the_new_one_differs_and_one_that_went_is_missing(moved: Move) -> None:
    moved.new.put_image(APP, "1.0", "pushed to the new one")
    moved.new.remove_manifest(APP, "2.0")

    assert found_in(compare()) == [("differs", "1.0"), ("missing", "2.0")]


def test_what_moved_at_both_is_no_drift(moved: Move) -> None:
    moved.old.put_image(APP, "1.0", "a new build")
    moved.new.put_image(APP, "1.0", "a new build")

    assert compare().state == "same"


def test_what_is_new_at_the_new_one_alone_is_no_drift(moved: Move) -> None:
    moved.new.put_image(APP, "4.0", "fourth")

    assert compare().state == "same"


def test_what_went_at_the_former_target_is_no_drift(moved: Move) -> None:
    moved.old.remove_manifest(APP, "1.0")

    assert (compare().state, Watch.objects.get().trouble) == ("same", "")


def test_what_was_known_stands_while_a_registry_cannot_be_asked(moved: Move) -> None:
    moved.old.put_image(APP, "1.0", "pushed to the old one")
    since = compare().since
    moved.old.is_private = True

    row = compare()

    assert (row.state, row.counts, row.since) == ("drift", {"moved": 1}, since)
    assert row.trouble
    assert f" The last look did not see everything: {row.trouble}." in words_of(row).text
    # It is tried again soon.
    assert row.next_at < timezone.now() + timedelta(seconds=301)


def test_a_registry_that_wants_to_be_left_alone_is(moved: Move) -> None:
    for number in range(30):
        moved.old.put_image(APP, f"v{number}", layers=0)
    moved.old.copy_to(moved.new)
    moved.new.remaining = "1"

    row = compare()

    assert "127.0.0.1" in row.trouble
    asked = [each for each in moved.new.server.requests if "/manifests/v" in each.path]
    assert len(asked) < 30
    assert row.next_at > timezone.now() + timedelta(seconds=30)


def test_repositories_that_clients_pull_are_compared_where_none_are_listed(move: Move) -> None:
    move.old._has_catalogue = False
    for registry in (move.old, move.new):
        registry.put_image("acme/web", "1.0", "same")
    move.old.put_image("acme/web", "2.0", "only there")
    mapping = move.mapping("acme")
    PullCount.objects.create(
        grain=Grain.DAY,
        at=start_of(Grain.DAY, timezone.now()),
        key="k",
        tags=1,
        tenant=mapping.hostname.tenant,
        hostname=HOST,
        mapping="acme",
        repository="acme/web",
    )
    repoint(move.actor, "moved", hostname=HOST, prefix="acme", target=f"{move.new.url}/acme")

    row = compare()

    assert (row.compared, found_in(row)) == (2, [("missing", "2.0")])


def test_at_most_a_hundred_references_are_asked_for(move: Move) -> None:
    for number in range(130):
        move.old.put_image(APP, f"v{number}", layers=0)
    move.old.copy_to(move.new)
    move.mapping()
    switch(move)
    assert compare().compared == 100
    move.old.put_image(APP, "late", "late", layers=0)

    row = compare()

    assert (row.compared, found_in(row)) == (100, [("appeared", "late")])
    heads = [each for each in move.old.server.requests if each.method == "HEAD" and "/manifests/" in each.path]
    assert len(heads) == 200


# ---------------------------------------------------------------- when
def test_it_is_compared_as_often_as_the_setting_says(moved: Move, settings: Settings) -> None:
    asked = len(moved.old.server.requests)
    watch_due()
    do_jobs()
    assert len(moved.old.server.requests) == asked

    settings.FACADE_WATCH_EVERY_SECONDS = 7200
    row = compare()

    assert timedelta(seconds=7100) < row.next_at - timezone.now() <= timedelta(seconds=7200)


def test_each_comparison_is_a_job_in_its_tenants_share(move: Move) -> None:
    filled(move).mapping()
    mapping = switch(move)

    watch_due()

    job = Job.objects.get(lane=WATCHES)
    assert job.share == str(mapping.hostname.tenant_id)


def test_the_regular_work_begins_it_before_the_former_target_ends(move: Move) -> None:
    """However late it comes."""
    filled(move).mapping()
    former = switch(move).former
    Mapping.objects.update(former=shifted(former, -3600))

    for task in TASKS:
        if task.name in ("watches", "former targets"):
            assert do(task)

    assert not Mapping.objects.get().former
    until = Watch.objects.get().until
    assert until is not None
    assert until > timezone.now()


def test_it_ends_when_its_time_is_over(moved: Move, settings: Settings) -> None:
    row = Watch.objects.get()
    assert row.until is not None
    assert timedelta(days=6, hours=23) < row.until - timezone.now() <= timedelta(days=7)
    Mapping.objects.update(former="")
    Watch.objects.update(until=timezone.now() - timedelta(seconds=60))

    watch_due()

    assert not Watch.objects.exists()


def test_it_does_not_begin_again_once_it_is_over(moved: Move, settings: Settings) -> None:
    settings.FACADE_WATCH_SECONDS = 1
    Mapping.objects.update(former=shifted(Mapping.objects.get().former, -60))
    Watch.objects.update(until=timezone.now() - timedelta(seconds=60))

    watch_due()

    assert not Watch.objects.exists()


def shifted(former: str, seconds: int) -> str:
    return f"{int(former[:10]) + seconds:010}{former[10:]}"


def test_it_is_off_where_the_setting_is_0(moved: Move, settings: Settings) -> None:
    settings.FACADE_WATCH_SECONDS = 0

    watch_due()

    assert not Watch.objects.exists()


def test_leading_back_ends_it_and_watches_the_other(moved: Move) -> None:
    switch(moved, moved.old.url)

    row = compare()

    assert row.target == f"{moved.new.url}/{APP}"
    assert row.state == "same"


def test_an_abandoned_target_is_not_asked(moved: Move) -> None:
    mapping = Mapping.objects.get()
    outcome = update_mapping(moved.actor, "broken into", mapping_id=mapping.pk, abandon_old=True)

    watch_due()

    assert outcome.changed
    assert not Watch.objects.exists()


def test_what_is_off_waits(moved: Move) -> None:
    switch_mappings(moved.actor, "", mapping_ids=[Mapping.objects.get().pk], enabled=False)
    asked = len(moved.old.server.requests)

    compare()

    assert len(moved.old.server.requests) == asked


def test_what_was_found_of_another_target_is_not_taken_in(moved: Move) -> None:
    row = Watch.objects.with_names().get()
    found = _Found("ghcr.io/elsewhere", Look([Drift("missing", HOST, "1.0", "sha256:1", "")], 1))

    WATCH.settle(Job(key=str(row.pk)), found)

    assert Watch.objects.get().state == "same"


def test_it_goes_with_its_mapping(moved: Move) -> None:
    remove_mappings(moved.actor, "", mapping_ids=[Mapping.objects.get().pk])

    assert not Watch.objects.exists()


def test_it_ends_where_the_hostname_becomes_another_tenants(moved: Move, outsider: Person) -> None:
    """What was found is the former tenant's."""
    hostname = Mapping.objects.get().hostname

    hand_over_hostname(
        moved.actor, "bought", hostname_id=hostname.pk, tenant_id=outsider.tenant.pk, copy_registries=True
    )

    assert not Watch.objects.exists()


def test_it_goes_with_its_registry(moved: Move) -> None:
    old = Registry.objects.get(origin=moved.old.url)
    Mapping.objects.update(former="")

    remove_registry(moved.actor, "not needed", registry_id=old.pk)

    assert not Watch.objects.exists()


# ---------------------------------------------------------------- who is told
def test_it_is_counted(moved: Move, settings: Settings, tmp_path: Path, client: Client) -> None:
    assert count_drifted() == {"mappings_drifted": 0, "standbys_drifted": 0}
    moved.old.put_image(APP, "1.0", "pushed to the old one")
    compare()

    assert count_drifted() == {"mappings_drifted": 1, "standbys_drifted": 0}
    settings.STATE_DIR = tmp_path
    tell_workers()
    assert b"facade_mappings_drifted 1.0" in client.get("/metrics", headers={"host": "localhost"}).content


def test_subscribers_are_told_once_of_each_drift_and_of_its_end(moved: Move) -> None:
    tenant = Mapping.objects.get().hostname.tenant
    address = "https://hooks.acme.com/facade"
    add_subscription(moved.actor, tenant_id=tenant.pk, address=address, kinds=["drift"])
    moved.old.put_image(APP, "1.0", "pushed to the old one")
    compare_only()
    compare_only()
    (told,) = messages()
    assert told["type"] == "drift"
    facts = {"event": "mapping.drifted", "former_target": f"{moved.old.url}/{APP}", "drift": {"moved": 1}}
    assert told["data"].items() >= facts.items()

    # The same tag once more is no news; another one is.
    moved.old.put_image(APP, "1.0", "pushed again")
    compare_only()
    moved.old.put_image(APP, "2.0", "pushed too")
    compare_only()
    assert [each["data"]["drift"] for each in messages()] == [{"moved": 1}, {"moved": 2}]

    moved.old.copy_to(moved.new)
    compare_only()
    assert [each["data"]["event"] for each in messages()][2:] == ["mapping.drift_ended"]


def compare_only() -> None:
    """The comparison alone: nobody is sent anything."""
    row = Watch.objects.get()
    asking = WATCH.begin(Job(key=str(row.pk)))
    assert asking is not None
    WATCH.settle(Job(key=str(row.pk)), asking())


def messages() -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in Delivery.objects.order_by("pk")]

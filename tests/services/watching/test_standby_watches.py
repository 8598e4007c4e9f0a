"""A mapping with a standby is compared with it for as long as it has it, and what the standby lacks is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from routing.management.maintenance import tell_workers
from routing.models import Delivery, Mapping, Registry, Watch
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import repoint, switch_mappings, update_mapping
from routing.services.standbys.standbys import fail_back, name_standby, remove_standby
from routing.services.telling.subscriptions import add_subscription
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import make_report, start_verification
from routing.services.watching.reading import count_drifted, watches_of, words_of
from routing.services.watching.watches import watch_due
from tests.jobs_done import do_jobs
from tests.registries.small_registry import digest_of
from tests.services.standbys.standing_by import answer, ask, with_standby
from tests.services.watching.switched import compare
from tests.verification.moves import APP, HOST, Move, a_move

pytestmark = pytest.mark.django_db


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield made


@pytest.fixture
def standing(move: Move) -> Move:
    """A mapping with a standby that has the same; both were compared once."""
    with_standby(move)
    ask()
    compare()
    return move


def digest_at(registry: object, tag: str) -> str:
    return digest_of(registry.manifests[APP][tag][1])  # type: ignore[attr-defined]


def fail_over(move: Move) -> None:
    answer(move, old=False)
    mapping = ask(3)
    assert mapping.failed_over_at is not None


# ---------------------------------------------------------------- what drifts
def test_a_standby_that_has_the_same_is_compared(standing: Move) -> None:
    row = Watch.objects.with_names().get()

    assert (row.kind, row.state, row.compared, row.until) == ("standby", "same", 3, None)
    assert words_of(row).text.startswith(
        f"The standby {standing.new.url}/{APP} has what {standing.old.url}/{APP} has, of 3 references; it was last "
        "compared on "
    )
    assert not words_of(row).warns


def test_it_asks_for_no_manifest_with_get(move: Move) -> None:
    with_standby(move)
    before = move.old.gets_of_manifests(), move.new.gets_of_manifests()

    compare()

    assert (move.old.gets_of_manifests(), move.new.gets_of_manifests()) == before


def test_what_the_target_has_and_the_standby_has_not_is_drift(standing: Move) -> None:
    digest = standing.old.put_image(APP, "1.0", "pushed to the target alone")
    standing.old.put_image(APP, "3.0", "a new tag")

    row = compare()

    assert (row.state, row.counts) == ("drift", {"missing": 1, "differs": 1})
    assert row.drift[0] == ["differs", f"{HOST}/{APP}", "1.0", digest, digest_at(standing.new, "1.0")]
    assert row.drift[1][:3] == ["missing", f"{HOST}/{APP}", "3.0"]
    words = words_of(row)
    assert words.warns
    assert " has not had all that " in words.text
    assert words.drift[0] == (
        f"differs: {HOST}/{APP}:1.0 (target {digest[:19]}, standby {digest_at(standing.new, '1.0')[:19]})"
    )
    # The tag is no longer new, and the drift is the same one.
    since = row.since
    again = compare()
    assert (again.counts, again.since) == (row.counts, since)


def test_what_the_standby_has_beyond_is_no_drift(standing: Move) -> None:
    standing.new.put_image(APP, "4.0", "only at the standby")

    assert compare().state == "same"


def test_what_drifted_is_looked_at_again_however_many_tags_came(move: Move) -> None:
    for number in range(110):
        move.old.put_image(APP, f"v{number:03}", layers=0)
    move.old.copy_to(move.new)
    with_standby(move)
    compare()
    move.new.remove_manifest(APP, "v109")
    move.new.remove_manifest(APP, "v000")
    before = compare()
    assert before.counts["missing"] >= 1
    for number in range(120):
        move.old.put_image(APP, f"w{number:03}", layers=0)
        move.new.put_image(APP, f"w{number:03}", layers=0)

    row = compare()

    assert row.compared == 100
    assert {each[2] for each in row.drift} >= {each[2] for each in before.drift}


# ---------------------------------------------------------------- when
def test_it_is_compared_at_once_and_then_once_a_day(standing: Move) -> None:
    asked = len(standing.old.server.requests)

    watch_due()
    do_jobs()

    assert len(standing.old.server.requests) == asked
    wait = Watch.objects.get().next_at - timezone.now()
    assert timedelta(seconds=86_300) < wait <= timedelta(seconds=86_400)


def test_what_differs_is_looked_at_each_hour(standing: Move) -> None:
    standing.old.put_image(APP, "3.0", "a new tag")

    wait = compare().next_at - timezone.now()

    assert timedelta(seconds=3500) < wait <= timedelta(seconds=3600)


def test_it_is_compared_where_former_targets_are_not(move: Move, settings: Settings) -> None:
    settings.FACADE_WATCH_SECONDS = 0
    with_standby(move)

    assert compare().state == "same"


def test_what_is_off_waits(standing: Move) -> None:
    switch_mappings(standing.actor, "", mapping_ids=[Mapping.objects.get().pk], enabled=False)
    asked = len(standing.old.server.requests)

    compare()

    assert len(standing.old.server.requests) == asked


def test_it_ends_with_the_standby(standing: Move) -> None:
    remove_standby(standing.actor, "", mapping_id=Mapping.objects.get().pk)
    assert not Watch.objects.exists()

    watch_due()

    assert not Watch.objects.exists()


def test_it_ends_with_a_repoint(standing: Move) -> None:
    repoint(standing.actor, "moved", hostname=HOST, prefix=APP, target=f"{standing.new.url}/{APP}")

    watch_due()

    (row,) = Watch.objects.with_names()
    assert (row.kind, row.target) == ("former", f"{standing.old.url}/{APP}")


def test_another_standby_is_another_comparison(standing: Move) -> None:
    first = Watch.objects.get().pk
    Mapping.objects.update(standby_prefix="elsewhere")

    watch_due()

    row = Watch.objects.with_names().get()
    assert (row.pk != first, row.target, row.state) == (True, f"{standing.new.url}/elsewhere", "waiting")


def test_a_former_target_and_a_standby_are_both_compared(standing: Move) -> None:
    """Who moved from one registry to another names the one as the other's standby."""
    mapping = repoint(standing.actor, "moved", hostname=HOST, prefix=APP, target=f"{standing.new.url}/{APP}").mapping
    back = start_verification(standing.actor, candidates=[Candidate(mapping.pk, f"{standing.old.url}/{APP}")])
    assert make_report(back.pk).is_clean
    name_standby(standing.actor, "", mapping_id=mapping.pk, target=f"{standing.old.url}/{APP}")

    watch_due()
    watch_due()
    do_jobs()

    rows = watches_of(mapping)
    assert [(row.kind, row.state) for row in rows] == [("former", "same"), ("standby", "same")]
    # Leaving the former target for good leaves the standby.
    update_mapping(standing.actor, "", mapping_id=mapping.pk, abandon_old=True)
    watch_due()
    assert [row.kind for row in watches_of(mapping)] == ["standby"]


# ---------------------------------------------------------------- registries that do not answer
@pytest.mark.parametrize("side", ["old", "new"])
def test_a_silent_registry_is_asked_for_nothing_and_has_lost_nothing(standing: Move, side: str) -> None:
    answer(standing, **{side: False})
    ask()
    asked = len(standing.old.server.requests) + len(standing.new.server.requests)

    row = compare()

    assert (row.state, row.drift) == ("same", [])
    silent = Registry.objects.get(origin=getattr(standing, side).url)
    assert row.trouble == f"{silent} does not answer (status 503)"
    assert len(standing.old.server.requests) + len(standing.new.server.requests) == asked
    assert f" The last look did not see everything: {row.trouble}." in words_of(row).text


def test_a_registry_that_just_became_silent_has_lost_nothing(standing: Move) -> None:
    """Nobody has asked whether it answers yet."""
    standing.new.server.stop()

    row = compare()

    assert (row.state, row.drift) == ("same", [])
    assert row.trouble


# ---------------------------------------------------------------- failed over
def test_a_failed_over_mapping_keeps_what_was_known(standing: Move) -> None:
    standing.old.put_image(APP, "3.0", "a new tag")
    known = compare()
    fail_over(standing)

    row = compare()

    assert (row.pk, row.drift, row.target) == (known.pk, known.drift, f"{standing.new.url}/{APP}")
    assert row.compared_target == f"{standing.old.url}/{APP}"
    assert "does not answer" in row.trouble


def test_failing_over_to_what_is_known_to_differ_is_told(standing: Move) -> None:
    tenant = Mapping.objects.get().hostname.tenant
    add_subscription(standing.actor, tenant_id=tenant.pk, address="https://hooks.acme.com/f", kinds=["failed_over"])
    standing.old.put_image(APP, "3.0", "a new tag")
    compare()

    fail_over(standing)

    (told,) = [json.loads(each.body)["data"] for each in Delivery.objects.all()]
    assert (told["event"], told["drift"]) == ("mapping.failed_over", {"missing": 1})


def test_the_target_is_compared_with_its_standby_again_once_it_answers(standing: Move) -> None:
    fail_over(standing)
    compare()
    answer(standing, old=True)
    ask()
    standing.old.put_image(APP, "3.0", "pushed to where people push")

    assert compare().counts == {"missing": 1}
    fail_back(standing.actor, "it is back", mapping_id=Mapping.objects.get().pk)
    watch_due()
    (of_standby,) = Watch.objects.filter(kind="standby")
    assert of_standby.counts == {"missing": 1}


# ---------------------------------------------------------------- who is told
def test_drift_is_told_once_and_its_end(standing: Move) -> None:
    tenant = Mapping.objects.get().hostname.tenant
    add_subscription(standing.actor, tenant_id=tenant.pk, address="https://hooks.acme.com/f", kinds=["drift"])
    standing.old.put_image(APP, "3.0", "a new tag")
    compare()
    compare()
    standing.old.copy_to(standing.new)
    compare()

    told = [json.loads(each.body)["data"] for each in Delivery.objects.order_by("pk")]

    assert [each["event"] for each in told] == ["mapping.drifted", "mapping.drift_ended"]
    facts = {"target": f"{standing.old.url}/{APP}", "standby": f"{standing.new.url}/{APP}", "drift": {"missing": 1}}
    assert told[0].items() >= facts.items()
    assert "former_target" not in told[0]


def test_it_is_counted(standing: Move, settings: Settings, tmp_path: Path, client: Client) -> None:
    standing.old.put_image(APP, "3.0", "a new tag")
    compare()

    assert count_drifted() == {"mappings_drifted": 0, "standbys_drifted": 1}
    settings.STATE_DIR = tmp_path
    tell_workers()
    assert b"facade_standbys_drifted 1.0" in client.get("/metrics", headers={"host": "localhost"}).content

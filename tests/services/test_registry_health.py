"""How registries answered is counted by hour and by day, kept for a while, and told to those who may see it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.core.pull_counts import Grain, start_of
from routing.manifest_store.sightings import sightings
from routing.models import AnswerCount, Hostname, Registry, RegistryLimit
from routing.registries.rate_limits import SeenLimit
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.answers import forget_old_answers, note_limit
from routing.services.registries.health import DAYS, HOURS, Answers, Slot, get_health, limit_of
from routing.services.registries.probes import probe, probe_mapping
from routing.services.registries.registries import add_registry, remove_registry, update_registry
from tests.conftest import Person
from tests.registries.faulty_server import FaultyServer
from tests.registries.small_registry import SmallRegistry
from tests.services.answered import answered, failed_pulls, hours_ago

pytestmark = pytest.mark.django_db
LIMITS = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}


@pytest.fixture(autouse=True)
def _nothing_seen(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    settings.FACADE_PROBE_ON_SAVE = False
    sightings.forget()


@pytest.fixture
def registry(platform: Actor) -> Registry:
    return add_registry(platform, "", name="r", origin="https://registry.example", tenant_id=None)


def at(server: FaultyServer, actor: Actor) -> Registry:
    return add_registry(actor, "", name="own", origin=server.url, tenant_id=None)


def last(actor: Actor, registry: Registry, grain: Grain = Grain.HOUR) -> Slot:
    return get_health(actor, registry.pk, grain).slots[-1]


def test_a_probe_that_is_answered_is_counted_with_how_long_it_took(platform: Actor, server: FaultyServer) -> None:
    SmallRegistry(server, auth="bearer")
    registry = at(server, platform)

    probe(platform, registry_id=registry.pk)
    probe(platform, registry_id=registry.pk)

    for grain in Grain:
        slot = last(platform, registry, grain)
        assert (slot.answers, slot.asked, slot.troubled, slot.trouble) == (Answers.ALL, 2, 0, "")
        assert slot.mean_ms is not None
        assert slot.slowest_ms is not None
        assert slot.mean_ms <= slot.slowest_ms < 45_000


def test_one_that_is_not_is_counted_as_trouble_in_its_words(platform: Actor, server: FaultyServer) -> None:
    server.answers("/v2/", 503)
    registry = at(server, platform)

    probe(platform, registry_id=registry.pk)

    slot = last(platform, registry)
    assert (slot.answers, slot.asked, slot.troubled, slot.mean_ms) == (Answers.NONE, 1, 1, None)
    assert "status 503" in slot.trouble


def test_an_hour_with_both_has_some_trouble(platform: Actor, registry: Registry) -> None:
    answered(registry, 0, seconds=0.2)
    answered(registry, 0, trouble="no answer")
    answered(registry, 0, seconds=0.4)

    slot = last(platform, registry)
    assert (slot.answers, slot.mean_ms, slot.slowest_ms) == (Answers.SOME, 300, 400)


def test_each_hour_and_day_has_its_place_and_those_without_a_question_are_told_so(
    platform: Actor, registry: Registry
) -> None:
    answered(registry, 5)
    answered(registry, 24 * 3, trouble="x")

    hours, days = (get_health(platform, registry.pk, grain) for grain in Grain)

    assert len(hours.slots) == HOURS == 168
    assert len(days.slots) == DAYS
    assert hours.since == start_of(Grain.HOUR, timezone.now()) - timedelta(hours=167)
    assert [slot.at for slot in hours.slots if slot.answers is Answers.ALL] == [start_of(Grain.HOUR, hours_ago(5))]
    assert [slot.at for slot in days.slots if slot.answers is Answers.NONE] == [start_of(Grain.DAY, hours_ago(72))]
    assert hours.slots[-1].answers is Answers.UNKNOWN


def test_pulls_that_failed_there_stand_beside_of_ones_own_hostnames_alone(
    platform: Actor, registry: Registry, owner: Person, outsider: Person
) -> None:
    failed_pulls(registry, owner.tenant.pk, 3)
    failed_pulls(registry, outsider.tenant.pk, 4)

    assert last(platform, registry).failed_pulls == 7
    assert last(owner.actor, registry).failed_pulls == 3


def test_who_uses_it_is_told_as_far_as_one_may_see(
    platform: Actor, registry: Registry, owner: Person, outsider: Person
) -> None:
    tenant, other_tenant = owner.tenant, outsider.tenant
    for number, whose in enumerate((tenant, tenant, other_tenant)):
        hostname = f"docker-{whose.slug}.example"
        Hostname.objects.get_or_create(name=hostname, tenant=whose)
        add_mapping(platform, "", hostname=hostname, prefix=f"p{number}", target=f"registry.example/p{number}")

    told = [(user.slug, user.mappings, user.hostnames) for user in get_health(platform, registry.pk, Grain.DAY).users]

    assert told == [(tenant.slug, 2, 1), (other_tenant.slug, 1, 1)]
    assert [user.slug for user in get_health(owner.actor, registry.pk, Grain.DAY).users] == [tenant.slug]


def test_anothers_registry_is_not_there(platform: Actor, owner: Person, outsider: Person) -> None:
    own = add_registry(platform, "", name="own", origin="https://own.example", tenant_id=owner.tenant.pk)

    with pytest.raises(NotFound):
        get_health(outsider.actor, own.pk, Grain.HOUR)


def test_a_probe_keeps_what_the_registry_says_of_its_limit(platform: Actor, server: FaultyServer) -> None:
    server.answers("/v2/", 200, LIMITS)
    registry = at(server, platform)
    assert limit_of(registry) is None

    probe(platform, registry_id=registry.pk)

    limit = limit_of(registry)
    assert limit is not None
    assert (limit.left, limit.number, limit.seconds, limit.refused_at) == (76, 100, 21600, None)
    assert limit.seen_at is not None


def test_a_probe_of_a_repository_does_too(platform: Actor, server: FaultyServer) -> None:
    server.answers("/v2/", 200)
    server.answers("/v2/acme/app/manifests/latest", 429, {"Retry-After": "90"})
    mapping = add_mapping(
        platform, "", hostname="docker.acme.com", prefix="acme/app", target=f"{server.url}/acme/app"
    ).mapping

    probe_mapping(platform, mapping_id=mapping.pk)

    limit = limit_of(mapping.registry)
    assert limit is not None
    assert (limit.left, limit.wait_seconds) == (None, 90)
    assert limit.refused_at is not None


def test_what_a_relay_saw_later_goes_before(platform: Actor, registry: Registry) -> None:
    note_limit(registry.pk, hours_ago(1), SeenLimit(left=50, number=100, seconds=21600))
    note_limit(registry.pk, hours_ago(1), SeenLimit(is_refused=True, wait_seconds=5))

    sightings.see_limit(registry.origin, 7, 100, 21600)
    sightings.see_refusal(registry.origin, None)

    limit = limit_of(registry)
    assert limit is not None
    assert limit.left == 7
    assert limit.wait_seconds is None
    assert limit.refused_at is not None
    assert limit.refused_at > hours_ago(0.5)
    note_limit(registry.pk, timezone.now() + timedelta(seconds=1), SeenLimit(left=6))
    assert (limit_of(registry) or limit).left == 6


def test_another_address_begins_anew(platform: Actor, registry: Registry) -> None:
    answered(registry, 0)
    note_limit(registry.pk, timezone.now(), SeenLimit(left=50))

    update_registry(platform, "", registry_id=registry.pk, name="another name")
    assert AnswerCount.objects.exists()
    update_registry(platform, "", registry_id=registry.pk, origin="https://new.example")

    assert not AnswerCount.objects.exists()
    assert not RegistryLimit.objects.exists()


def test_a_removed_registry_takes_its_numbers_along(platform: Actor, registry: Registry) -> None:
    answered(registry, 0)

    remove_registry(platform, "", registry_id=registry.pk)

    assert not AnswerCount.objects.exists()


def test_hours_are_kept_for_a_week_and_days_for_as_long_as_statistics(registry: Registry, settings: Settings) -> None:
    settings.FACADE_STATISTICS_DAYS = 30
    for days in (0, 6, 8, 29, 32):
        answered(registry, days * 24)

    assert forget_old_answers() == 3 + 1

    kept = [(row.grain, (timezone.now() - row.at).days) for row in AnswerCount.objects.order_by("grain", "-at")]
    assert [days for grain, days in kept if grain == "hour"] == [0, 6]
    assert [days for grain, days in kept if grain == "day"] == [0, 6, 8, 29]


def test_without_statistics_nothing_is_counted_and_what_was_goes(
    platform: Actor, registry: Registry, settings: Settings
) -> None:
    answered(registry, 3)
    settings.FACADE_STATISTICS_DAYS = 0
    answered(registry, 2)

    assert AnswerCount.objects.count() == 2
    assert forget_old_answers() == 2
    assert last(platform, registry, Grain.DAY).answers is Answers.UNKNOWN

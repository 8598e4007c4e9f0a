"""Where a mapping led before: what a repoint keeps of it, for how long, and what ends it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.former_target import parse_former
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.mappings.explain import explain
from routing.services.mappings.former import end_former_targets, former_note, former_target
from routing.services.mappings.mappings import add_mapping, repoint, switch_mappings, update_mapping
from routing.table.change_log import changes_since
from routing.table.load import load_table

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture
def mapping(platform: Actor) -> Mapping:
    return add_mapping(platform, "", hostname=HOST, prefix="acme", target="docker.io/acme").mapping


def again(mapping: Mapping) -> Mapping:
    return Mapping.objects.with_names().get(pk=mapping.pk)


def moved(actor: Actor, target: str = "ghcr.io/new", *, abandon_old: bool = False) -> Mapping:
    outcome = repoint(actor, "moved", hostname=HOST, prefix="acme", target=target, abandon_old=abandon_old)
    return outcome.mapping


def test_a_repoint_keeps_the_former_target_for_some_minutes(platform: Actor, mapping: Mapping) -> None:
    hub = Registry.objects.get(alias="docker.io")

    found = former_target(moved(platform))

    assert found is not None
    assert found.target == "docker.io/acme"
    assert timedelta(seconds=590) < found.until - timezone.now() <= timedelta(seconds=600)
    packed = parse_former(again(mapping).former)
    assert packed is not None
    assert (packed.registry, packed.upstream_prefix, packed.private) == (str(hub.pk), "acme", False)


def test_followers_and_a_whole_load_have_the_same_table(platform: Actor, mapping: Mapping) -> None:
    before = load_table(policy())
    moved(platform)

    followed = before.apply([each.change for each in changes_since(before.state, 1)])

    assert dict(followed.mappings.items()) == dict(load_table(policy()).mappings.items())
    assert followed.digest == load_table(policy()).digest


def test_people_are_told_of_it(platform: Actor, mapping: Mapping) -> None:
    found = former_target(moved(platform))

    assert found is not None
    said = (
        f"Until {found.until:%H:%M} UTC, content that is missing at ghcr.io/new is asked for at docker.io/acme, where "
        "this pointed before: pulls that began there can finish."
    )
    assert said in explain(platform, f"{HOST}/acme/app:1").advice
    assert former_note(again(mapping)) == said


@pytest.mark.parametrize("seconds", [0, 600])
def test_there_is_none_where_it_is_switched_off_or_abandoned(
    platform: Actor, mapping: Mapping, settings: Settings, seconds: int
) -> None:
    settings.FACADE_FORMER_TARGET_SECONDS = seconds

    assert moved(platform, abandon_old=bool(seconds)).former == ""


def test_it_can_be_abandoned_later(platform: Actor, mapping: Mapping) -> None:
    moved(platform)

    outcome = update_mapping(platform, "broken into", mapping_id=mapping.pk, abandon_old=True)

    assert outcome.notes == ["what is missing at ghcr.io/new is asked for nowhere else from now on"]
    assert again(mapping).former == ""
    assert not update_mapping(platform, "again", mapping_id=mapping.pk, abandon_old=True).changed


def test_nothing_is_kept_of_a_mapping_that_was_off(platform: Actor, mapping: Mapping) -> None:
    switch_mappings(platform, "off", mapping_ids=[mapping.pk], enabled=False)

    assert moved(platform).former == ""


def test_the_last_one_counts_and_options_leave_it(platform: Actor, mapping: Mapping) -> None:
    moved(platform)
    moved(platform, "quay.io/third")
    update_mapping(platform, "", mapping_id=mapping.pk, allow_push=True)

    found = former_target(again(mapping))

    assert found is not None
    assert found.target == "ghcr.io/new"


def test_a_registry_that_is_gone_is_asked_for_nothing(platform: Actor) -> None:
    outcome = add_mapping(platform, "", hostname=HOST, prefix="acme", target="old.example/acme")
    registry = outcome.mapping.registry
    row = moved(platform)
    registry.delete()

    assert former_target(row) is None
    match = load_table(policy()).match_repository(HOST, "acme/app")
    assert match is not None
    assert load_table(policy()).former_match(match, "acme/app")[1] is None


def test_what_is_over_leaves_the_rows_and_the_table(
    platform: Actor, mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(platform)
    past = Mapping.history.count()
    assert end_former_targets() == 0
    later = time.time() + 601
    monkeypatch.setattr("routing.services.mappings.former.time.time", lambda: later)

    assert former_target(again(mapping)) is None
    assert end_former_targets() == 1

    assert again(mapping).former == ""
    assert Mapping.history.count() == past
    match = load_table(policy()).match_repository(HOST, "acme/app")
    assert match is not None
    assert match.former == ""

"""A document says the standby of a mapping, and leads nobody to it or back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.configuration.apply import Plan, apply_document
from routing.services.configuration.current import current_document
from routing.services.configuration.reading import read_document
from routing.services.configuration.writing import write_document
from tests.services.standbys.standing_by import answer, ask, with_standby
from tests.verification.moves import APP, HOST, Move, a_move, filled

pytestmark = pytest.mark.django_db
ME = Actor.command_line()


@pytest.fixture
def move(platform: Actor, settings: Settings) -> Iterator[Move]:
    settings.FACADE_PROBE_ON_SAVE = False
    with a_move(settings, platform) as made:
        yield made


@pytest.fixture
def standing(move: Move) -> Move:
    with_standby(move, 600)
    ask()
    return move


def apply(text: str) -> Plan:
    return apply_document(ME, "because", read_document(text))


def exported() -> str:
    return "".join(write_document(current_document(ME)))


def row() -> Mapping:
    return Mapping.objects.with_names().select_related("standby_registry").get()


def facts() -> dict[str, Any]:
    return dict(Mapping.objects.values().get())


def fail_over(move: Move) -> None:
    answer(move, old=False)
    assert ask(3).failed_over_at is not None


def lines_of_standby(move: Move, indent: str = "            ") -> str:
    prefix = f'{indent}standby_prefix: "{APP}"\n{indent}standby_return_seconds: 600\n'
    return f'{indent}standby_registry: "{move.new.url}"\n{prefix}'


def test_an_export_says_the_standby_and_its_apply_does_nothing(standing: Move) -> None:
    before = facts()

    assert lines_of_standby(standing) in exported()
    assert apply(exported()).steps == ()
    assert facts() == before


def test_an_export_of_what_has_failed_over_says_what_it_said_before(standing: Move) -> None:
    before = exported()
    fail_over(standing)
    there = facts()

    assert exported() == before
    assert apply(before).steps == ()
    assert facts() == there
    assert row().target == f"{standing.new.url}/{APP}"


def test_without_a_word_the_standby_stays(standing: Move) -> None:
    silent = exported().replace(lines_of_standby(standing), "")
    fail_over(standing)
    before = facts()

    assert apply(silent).steps == ()
    assert facts() == before


def test_options_of_what_has_failed_over_lead_it_nowhere(standing: Move) -> None:
    text = exported().replace(
        "            standby_registry:", "            enabled: false\n            standby_registry:"
    )
    fail_over(standing)

    assert apply(text).lines()[1:] == ["    enabled: True → False"]
    now = row()
    assert (now.enabled, now.target, now.failed_over_at is None) == (False, f"{standing.new.url}/{APP}", False)


def test_it_is_taken_away(standing: Move) -> None:
    text = exported().replace(lines_of_standby(standing), '            standby_registry: ""\n')

    plan = apply(text)

    assert f"    standby_registry: '{standing.new.url}' → None" in plan.lines()
    assert (row().standby_registry, row().target) == (None, f"{standing.old.url}/{APP}")
    assert row().history.first().history_change_reason == "because"
    assert apply(text).steps == ()


def test_when_it_is_led_back_takes_no_report(standing: Move) -> None:
    text = exported()
    text = text.replace("standby_return_seconds: 600", "standby_return_seconds: 900")

    assert apply(text).lines()[1:] == ["    standby_return_seconds: 600 → 900"]
    assert row().standby_return_seconds == 900


@pytest.mark.parametrize("has_report", [True, False])
def test_it_is_named_within_a_day_of_a_clean_report(move: Move, has_report: bool) -> None:
    mapping = filled(move).mapping()
    if has_report:
        assert move.report(mapping).is_clean
    else:
        Registry.objects.create(name="New", origin=move.new.url)
    whole = exported()
    at = f'            upstream_prefix: "{APP}"\n'
    assert at in whole
    text = whole.replace(at, at + lines_of_standby(move))
    if f'origin: "{move.new.url}"' not in whole:
        text = text.replace("registries:\n", f'registries:\n  - origin: "{move.new.url}"\n    name: "New"\n', 1)

    if has_report:
        apply(text)
        assert (row().standby_target, row().standby_return_seconds) == (f"{move.new.url}/{APP}", 600)
        return
    with pytest.raises(ServiceError) as refusal:
        apply(text)
    assert refusal.value.message.startswith("line ")
    assert f"mapping {HOST}/{APP}: no clean report" in refusal.value.message
    assert f"(facade verify {HOST} {APP} --to {move.new.url}/{APP})" in refusal.value.message
    assert row().standby_registry is None


@pytest.mark.parametrize("what", ["a new mapping", "a mapping that is repointed"])
def test_what_is_new_or_repointed_names_none_in_the_same_document(standing: Move, what: str) -> None:
    text, before = exported(), facts()
    if what == "a new mapping":
        text = text.replace(f'prefix: "{APP}"\n            registry', 'prefix: "other"\n            registry')
    else:
        text = text.replace(f'upstream_prefix: "{APP}"', 'upstream_prefix: "elsewhere"')
    assert text != exported()

    with pytest.raises(
        ServiceError, match=rf"^line \d+: mapping {HOST}/.*: {what} has no standby yet: .*facade verify"
    ):
        apply(text)

    assert facts() == before


def test_a_repoint_drops_it_and_the_plan_says_so(standing: Move) -> None:
    text = exported().replace(lines_of_standby(standing), "")
    text = text.replace(f'upstream_prefix: "{APP}"', 'upstream_prefix: "elsewhere"')

    plan = apply(text)

    assert f"    standby_registry: '{standing.new.url}' → None" in plan.lines()
    assert (row().target, row().standby_registry) == (f"{standing.old.url}/elsewhere", None)
    assert apply(text).steps == ()


def test_a_registry_with_another_implicit_namespace_ends_it_and_the_plan_says_so(standing: Move) -> None:
    document = read_document(exported())
    (tenant,) = document.tenants
    origin = row().registry.origin
    registries = tuple(
        replace(entry, implicit_namespace="acme") if entry.origin == origin else entry for entry in tenant.registries
    )

    plan = apply_document(
        Actor.command_line(), "r", replace(document, tenants=(replace(tenant, registries=registries),))
    )

    (step,) = plan.steps
    assert f"{HOST}/{APP} has no standby any more: " in step.what
    assert row().standby_registry is None


def test_the_standby_of_what_has_failed_over_stays_what_it_is(standing: Move) -> None:
    text = exported()
    fail_over(standing)
    before = facts()

    for other in ('            standby_registry: ""\n', lines_of_standby(standing).replace("600", "900")):
        with pytest.raises(ServiceError, match=r"has failed over to .*: lead it back, or repoint it, first"):
            apply(text.replace(lines_of_standby(standing), other))

    assert facts() == before


def test_whoever_stays_at_the_standby_is_led_nowhere(standing: Move) -> None:
    text = exported().replace(lines_of_standby(standing), "")
    text = text.replace(
        f'registry: "{standing.old.url}"\n            upstream', f'registry: "{standing.new.url}"\n            upstream'
    )
    fail_over(standing)

    apply(text)

    now = row()
    assert (now.target, now.standby_registry, now.failed_over_at, now.former) == (
        f"{standing.new.url}/{APP}",
        None,
        None,
        "",
    )
    assert apply(text).steps == ()


def test_a_prefix_of_no_standby_says_nothing(standing: Move) -> None:
    text = exported().replace(f'            standby_registry: "{standing.new.url}"\n', "")

    with pytest.raises(ServiceError, match=r"^line \d+: mapping .*: standby_prefix and standby_return_seconds are of"):
        apply(text)
